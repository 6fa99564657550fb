import type { LifecycleManager } from '@code/gc'
import type { Question } from './question.ts'

/** One variant of the service, behind the same HTTP server as the others. */
export interface Service extends AsyncDisposable {
  /** The answer as JSON bytes. */
  answer(question: Question): Promise<Buffer>
  /** An answer as a spreadsheet. */
  spreadsheet(answer: Buffer): Promise<Buffer>
  /** Asked and answered from memory, since the start. */
  cacheCounts(): { readonly hits: number; readonly misses: number }
  /** Where metrics and health are served, if they are. */
  readonly monitoringUrl?: string | undefined
  /** What ends the process in order, signals included, if the variant has that. */
  readonly lifecycle?: LifecycleManager | undefined
}

export interface ServiceOptions {
  readonly databaseUrl: string
  readonly atlasUrl: string
  /** Whether answers may come from memory. */
  readonly cache: boolean
}

export const variants = ['naive', 'rivals', 'composed'] as const
export type Variant = (typeof variants)[number]

/** How long one question may take, in milliseconds: all it waits for included. */
export const questionLimitMs = 2000

/** How many answers a service keeps in memory, and for how long. */
export const cachedAnswers = 5000
export const cachedForMs = 60_000
