/**
 * Whether a statement may have left something on its connection that the next one there would feel: a setting, a
 * temporary table, a channel listened to, a lock of the session. Judged by what the server said it did and, where
 * that says little, by the words in the text; in doubt it has.
 */
export function leavesState(tag: string, text: string): boolean {
  const space = tag.indexOf(' ')
  switch (space < 0 ? tag : tag.slice(0, space)) {
    case 'SET':
      return !/^\s*set\s+(local|transaction|constraints)\b[^;]*;?\s*$/i.test(text)
    case 'RESET':
    case 'LISTEN':
    case 'PREPARE':
    case 'DEALLOCATE':
    case 'DISCARD':
    case 'DECLARE':
    case 'LOAD':
      return true
    case 'SELECT':
    case 'CREATE':
      return hintsOf(text) !== 0
    case 'INSERT':
    case 'UPDATE':
    case 'DELETE':
    case 'MERGE':
    case 'EXPLAIN':
    case 'COPY':
      return (hintsOf(text) & callsSession) !== 0
    case 'DO':
    case 'CALL':
      // Nobody knows what they have put together and run.
      return true
    default:
      return false
  }
}

const callsSession = 1
const makesTemporary = 2

/** What the words of a text hint at. Kept for the texts in use: looking costs too much to do it at each reply. */
function hintsOf(text: string): number {
  let hints = hintsByText.get(text)
  if (hints !== undefined) return hints
  hints = (sessionFunctions.test(text) ? callsSession : 0) | (temporary.test(text) ? makesTemporary : 0)
  if (text.length > 4_096) return hints
  if (hintsByText.size === 1_000) hintsByText.clear()
  hintsByText.set(text, hints)
  return hints
}

const hintsByText = new Map<string, number>()

/** What makes a table or its like that lives as long as the session; a column named `temp` does not. */
const temporary = /\b(create|replace|into|local|global)(\s|--.*|\/\*[^]*?\*\/)+temp(orary)?\b|\bpg_temp/i
const sessionFunctions = /\b(set_config|pg_(try_)?advisory_lock(_shared)?)["\s]*\(/i
