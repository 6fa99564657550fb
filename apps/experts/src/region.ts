/** What the atlas, the second service, knows of a first-order division. */
export interface Region {
  readonly country: string
  readonly region: string | null
}

export function regionPath(country: string, region: string): string {
  return `/regions/${encodeURIComponent(country)}/${encodeURIComponent(region)}`
}
