import type { QueryResult } from './options.ts'

/** A template tag that runs its text; every `${value}` becomes a parameter, never part of the text. */
export type SqlTag = <R = Record<string, unknown>>(
  strings: TemplateStringsArray,
  ...values: readonly unknown[]
) => Promise<QueryResult<R>>

/** The text of a template with `$1`, `$2`, … for its values. A template literal has one text for ever. */
export function textOf(strings: TemplateStringsArray): string {
  let text = texts.get(strings)
  if (text === undefined) {
    text = strings.reduce((before, part, i) => `${before}$${i}${part}`)
    texts.set(strings, text)
  }
  return text
}

const texts = new WeakMap<TemplateStringsArray, string>()
