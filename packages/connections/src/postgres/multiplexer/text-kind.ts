/**
 * What a statement does, as far as its first word tells: `'shared'` ones may travel with others, `'write'` is one
 * of them that changes data, `'own'` needs a connection for itself, and `'session'` is of no use on a connection
 * that changes from statement to statement.
 */
export type TextKind = 'shared' | 'write' | 'own' | 'session'

export function kindOf(text: string): TextKind {
  const word = firstWord.exec(text)?.[1]?.toLowerCase() ?? ''
  if (sessionWords.has(word)) return 'session'
  if (word === 'create' && temporary.test(text)) return 'session'
  if (!sharedWords.has(word) || severalStatements.test(text)) return 'own'
  return writeWords.has(word) ? 'write' : 'shared'
}

/** Whether reading it twice would do something twice, although it changes no table. */
export function hasSideEffects(text: string): boolean {
  return sideEffects.test(text)
}

/** No part of it matches the same in two ways: a text that ends without a word would be tried in all of them. */
const firstWord = /^(?:[\s(;]|--[^\n]*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/)*([a-z]+)/i
/** What makes something that lives as long as the session; a table or column of the name `temp` does not. */
const temporary =
  /^(?:\s|--.*(?:\n|$)|\/\*(?:[^*]|\*(?!\/))*\*\/|\b(?:create|or|replace|local|global)\b)+temp(?:orary)?\b|^[^('$]*\bpg_temp\s*\./i
const severalStatements = /;\s*[^\s;]/
const sessionWords = new Set([
  'begin',
  'start',
  'set',
  'reset',
  'listen',
  'unlisten',
  'prepare',
  'declare',
  'discard',
])
const writeWords = new Set(['insert', 'update', 'delete', 'merge'])
const sharedWords = new Set([...writeWords, 'select', 'with', 'values', 'table', 'show', 'explain'])
const sideEffects =
  /\b(pg_(notify|logical_\w+|replication_slot_advance|try_advisory\w*|advisory\w*|terminate_backend|cancel_backend)|set_config|dblink\w*|lo_\w+)\s*\(/i
