/**
 * Whether a statement may have left something on its connection that the next one there would feel: a setting, a
 * temporary table, a channel listened to, a lock of the session. Judged by what the server said it did and, where
 * that says little, by the words in the text; in doubt it has.
 */
export function leavesState(tag: string, text: string): boolean {
  switch (tag.slice(0, tag.indexOf(' ') >>> 0)) {
    case 'SET':
      return !/^\s*set\s+(local|transaction|constraints)\b/i.test(text)
    case 'RESET':
    case 'LISTEN':
    case 'PREPARE':
    case 'DEALLOCATE':
    case 'DISCARD':
    case 'DECLARE':
    case 'LOAD':
      return true
    case 'CREATE':
      return temporary.test(text)
    case 'SELECT':
      return sessionFunctions.test(text) || temporary.test(text)
    case 'DO':
    case 'CALL':
      return (
        /\b(set|listen|prepare|load)\b/i.test(text) || sessionFunctions.test(text) || temporary.test(text)
      )
    default:
      return false
  }
}

const temporary = /\b(temp|temporary|pg_temp\w*)\b/i
const sessionFunctions = /\b(set_config|pg_(try_)?advisory_lock(_shared)?)\s*\(/i
