import { inspect } from 'node:util'

/** Refuses what is no object where options are taken. */
export function checkOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`options must be an object, got ${inspect(options)}`)
  }
}
