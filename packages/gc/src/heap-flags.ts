/** The flags of a process that decide V8's heap sizes. The last one given counts. */
export type HeapFlags = { readonly [F in HeapFlag]?: number | undefined }

export type HeapFlag = (typeof heapFlags)[number]

const heapFlags = [
  '--max-semi-space-size',
  '--max-old-space-size',
  '--max-old-space-size-percentage',
  '--max-heap-size',
  '--optimize-for-size',
  '--lite-mode',
] as const

const switches = ['--optimize-for-size', '--lite-mode'] as const

/** Reads them from the command line and `NODE_OPTIONS`; the command line wins, as it does in V8. */
export function readHeapFlags(execArgv: readonly string[], nodeOptions: string): HeapFlags {
  const flags: { [F in HeapFlag]?: number | undefined } = {}
  for (const text of [...nodeOptions.split(/[\s"]+/), ...execArgv]) {
    const [, name = '', value = '1'] = /^(--[^=]+)(?:=(.*))?$/.exec(text) ?? []
    const given = name.replaceAll('_', '-')
    const flag = heapFlags.find((known) => known === given)
    const negated = switches.find((known) => given === known.replace('--', '--no-'))
    if (negated !== undefined) delete flags[negated]
    // V8 takes a size of 0 for none given.
    if (flag !== undefined) flags[flag] = Number(value) || undefined
  }
  return flags
}
