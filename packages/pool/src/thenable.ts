/** Tells what came synchronously from what must be awaited, without the cost of an `await`. */
export function isThenable<V>(value: V | Promise<V>): value is Promise<V> {
  return typeof (value as Promise<V> | null | undefined)?.then === 'function'
}
