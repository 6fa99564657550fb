/** What a living thing shows to whoever reads `globalThis[Symbol.for('code.instruments')]`. */
export interface Instrument {
  readonly kind: string
  readonly name: string
  stats(): Record<string, number | string | boolean>
}

/**
 * Lists an owner among this process's instruments until the returned function is called or the owner is
 * collected: the entry holds it weakly. A name that is taken gets a suffix.
 */
export function registerInstrument(kind: string, name: string, owner: Pick<Instrument, 'stats'>): () => void {
  const instruments = instrumentsOfThisProcess()
  let key = `${kind}:${name}`
  for (let n = 2; instruments.has(key); n++) key = `${kind}:${name}#${n}`

  const held = new WeakRef(owner)
  const instrument: Instrument = { kind, name, stats: () => held.deref()?.stats() ?? {} }
  const remove = (): void => {
    collected.unregister(instrument)
    if (instruments.get(key) === instrument) instruments.delete(key)
  }
  instruments.set(key, instrument)
  collected.register(owner, remove, instrument)
  return remove
}

const collected = new FinalizationRegistry<() => void>((remove) => remove())

function instrumentsOfThisProcess(): Map<string, Instrument> {
  const shared = globalThis as { [instruments]?: Map<string, Instrument> }
  return (shared[instruments] ??= new Map())
}

const instruments: unique symbol = Symbol.for('code.instruments') as never
