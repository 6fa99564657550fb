/** A load that has not ended. What is shared here is shared by all importers: cycles cross them. */
export interface Underway {
  readonly specifier: string
  /** Whose import it is. */
  readonly from: string
  readonly file: string
}

/** What `require` is loading, outermost first. */
export const required: Underway[] = []

/** What `import` is loading. */
export const imported: Set<Underway> = new Set<Underway>()

/** What only `import` could load, by file: `require` goes on refusing it. */
export const awaited: Map<string, object> = new Map<string, object>()

export function isImporting(file: string): boolean {
  return [...imported].some((load) => load.file === file)
}

/**
 * The loads because of which the import of `file` does not end before `waiter` has run; none if it does not
 * depend on that. Supposes that a module which loads another while it runs also waits for it.
 */
export function importsHeldBy(waiter: string, file: string): readonly Underway[] {
  const load = [...imported].find((one) => one.file === file)
  if (load === undefined) return []
  if (file === waiter) return [load]
  for (const next of imported) {
    const rest = next.from === file ? importsHeldBy(waiter, next.file) : []
    if (rest.length > 0) return [load, ...rest]
  }
  return []
}
