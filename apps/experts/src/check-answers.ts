import type { ServiceProcess } from './stack.ts'

/** Questions that break naive SQL and naive parsing, beside what people really ask. */
const oddQuestions = [
  "O'Fallon",
  '100%',
  '_',
  '\\',
  '"quoted"',
  "'; drop table experts.places; --",
  '東京',
  '🏙️',
  'a b  c',
  'Łódź',
]

/**
 * Asks every service the same questions and compares the answers byte for byte.
 * @throws {Error} which question was answered differently, and how
 */
export async function checkAnswers(
  services: Readonly<Record<string, Pick<ServiceProcess, 'origin' | 'output'>>>,
  questions: readonly string[],
): Promise<number> {
  const asked = [...questions, ...oddQuestions]
  for (const question of asked) {
    const answers = await Promise.all(
      Object.entries(services).map(async ([name, { origin, output }]) => {
        const response = await fetch(origin + askPath(question)).catch((cause: unknown) => {
          throw new Error(`${name} did not answer ${JSON.stringify(question)}\n${output()}`, { cause })
        })
        return { name, text: `${response.status} ${await response.text()}` }
      }),
    )
    const [first, ...others] = answers
    const other = others.find((answer) => answer.text !== first?.text)
    if (first !== undefined && (other !== undefined || !first.text.startsWith('200 '))) {
      const told = [first, ...(other ? [other] : [])].map(({ name, text }) => `${name}: ${text}`).join('\n')
      throw new Error(`the answers to ${JSON.stringify(question)} are not right and equal:\n${told}`)
    }
  }
  return asked.length
}

/** The target of a question, percent-encoded. */
export function askPath(question: string): string {
  return `/ask?expert=places&q=${encodeURIComponent(question)}`
}
