import { Problem } from './problem.ts'

/** What somebody asks an expert. */
export interface Question {
  readonly expert: Expert
  /** As it was asked. */
  readonly text: string
}

export const experts = ['places'] as const
export type Expert = (typeof experts)[number]

const longestText = 200

/**
 * Reads `?expert=…&q=…`.
 * @throws {Problem} 400 when `q` can't be a question, 404 when there is no such expert
 */
export function readQuestion(parameters: URLSearchParams): Question {
  return { expert: readExpert(parameters), text: readText(parameters) }
}

export const formats = ['json', 'xlsx'] as const
export type Format = (typeof formats)[number]

/**
 * Reads `format=…`, JSON when there is none.
 * @throws {Problem} 406 when there is no such format
 */
export function readFormat(parameters: URLSearchParams): Format {
  if (!parameters.has('format')) return 'json'
  const asked = only(parameters, 'format')
  const format = formats.find((name) => name === asked)
  if (format === undefined) {
    throw new Problem(
      406,
      'No such format',
      `format must be one of ${formats.join(', ')}, got ${quote(asked)}`,
    )
  }
  return format
}

function readExpert(parameters: URLSearchParams): Expert {
  const asked = only(parameters, 'expert')
  const expert = experts.find((name) => name === asked)
  if (expert === undefined) {
    throw new Problem(
      404,
      'No such expert',
      `expert must be one of ${experts.join(', ')}, got ${quote(asked)}`,
    )
  }
  return expert
}

function readText(parameters: URLSearchParams): string {
  const text = only(parameters, 'q').trim()
  if (text === '') throw new Problem(400, 'No question', 'q must hold a question, got nothing')
  if (text.length > longestText) {
    throw new Problem(
      400,
      'Question too long',
      `q must have at most ${longestText} characters, got ${text.length}`,
    )
  }
  // Postgres holds no NUL, and a lone surrogate is no text.
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new Problem(400, 'Question is not text', `q must be text without NUL, got ${quote(text)}`)
  }
  return text
}

function only(parameters: URLSearchParams, name: string): string {
  const [value, ...more] = parameters.getAll(name)
  if (value === undefined) throw new Problem(400, `No ${name}`, `${name} is missing`)
  if (more.length > 0)
    throw new Problem(400, `More than one ${name}`, `${name} is there ${more.length + 1} times`)
  return value
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text)
}
