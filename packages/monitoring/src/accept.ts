/** Whether an Accept header wants OpenMetrics 1.0 no less than plain text (RFC 9110, 12.5.1). */
export function prefersOpenMetrics(accept: string | undefined): boolean {
  const ranges = (accept ?? '').split(',').map(parseRange)
  const quality = (type: string, version: string): number =>
    Math.max(
      0,
      ...ranges
        .filter((range) => range.type === type && (range.version ?? version) === version)
        .map((range) => range.quality),
    )
  const openMetrics = quality('application/openmetrics-text', '1.0.0')
  return openMetrics > 0 && openMetrics >= quality('text/plain', '0.0.4')
}

function parseRange(range: string): { type: string; version: string | undefined; quality: number } {
  const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase())
  const parameter = (name: string): string | undefined =>
    parameters
      .find((text) => text.startsWith(`${name}=`))
      ?.slice(name.length + 1)
      .replaceAll('"', '')
  const quality = Number(parameter('q') ?? 1)
  return { type, version: parameter('version'), quality: quality >= 0 && quality <= 1 ? quality : 0 }
}
