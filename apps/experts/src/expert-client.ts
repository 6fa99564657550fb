import type { Place } from './places.ts'
import type { Question } from './question.ts'
import type { Region } from './region.ts'

/** Where an expert looks things up. The variants of the service differ in this and in what stands around it. */
export interface Sources {
  findPlaces(text: string, signal?: AbortSignal): Promise<readonly Place[]>
  describeRegion(country: string, region: string, signal?: AbortSignal): Promise<Region>
}

const scratchBytes = 1024 * 1024

/**
 * Answers questions, one at a time. It is expensive on purpose, as such clients are: it owns a megabyte of
 * scratch memory in which it writes its answers.
 */
export class ExpertClient {
  readonly #scratch = Buffer.alloc(scratchBytes)

  /** The answer as JSON bytes, which the caller keeps. */
  async ask(question: Question, sources: Sources, signal?: AbortSignal): Promise<Buffer> {
    const matches = await sources.findPlaces(question.text, signal)
    const [best] = matches
    const about = best === undefined ? null : await sources.describeRegion(best.country, best.region, signal)
    const answer = JSON.stringify({ expert: question.expert, question: question.text, matches, about })
    const length = this.#scratch.write(answer)
    return Buffer.from(this.#scratch.subarray(0, length))
  }
}
