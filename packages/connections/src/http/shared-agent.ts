import { Agent, type Dispatcher } from 'undici'
import { registerInstrument } from '../instrument.ts'
import type { Exchange } from './exchange.ts'

export interface AgentOptions {
  /** Under which sessions share it, and its name in telemetry. */
  readonly name: string
  readonly maxConnections: number
  readonly keepAliveTimeoutMs: number
  readonly connectTimeoutMs: number
}

/** The connections behind all sessions of one origin and one set of connection options. The only file that knows undici. */
export class SharedAgent {
  /** Joins the agent that already serves these options, or makes it. Pair with `leave`. */
  static join(options: AgentOptions): SharedAgent {
    const key = JSON.stringify(options)
    let agent = agents.get(key)
    if (agent === undefined) agents.set(key, (agent = new SharedAgent(key, options)))
    agent.#users++
    return agent
  }

  readonly #key: string
  readonly #agent: Agent
  readonly #unregister: () => void
  readonly #counts = { requests: 0, retries: 0 }
  #users = 0

  private constructor(key: string, options: AgentOptions) {
    this.#key = key
    // The exchange has one timer for the whole; undici's two would only cost.
    this.#agent = new Agent({
      connections: options.maxConnections,
      keepAliveTimeout: options.keepAliveTimeoutMs,
      connect: { timeout: options.connectTimeoutMs },
      headersTimeout: 0,
      bodyTimeout: 0,
    })
    this.#unregister = registerInstrument('connections', options.name, this)
  }

  readonly dispatch = (exchange: Exchange): void => {
    if (exchange.retries === 0) this.#counts.requests++
    else this.#counts.retries++
    this.#agent.dispatch(exchange.request as Dispatcher.DispatchOptions, exchange)
  }

  stats(): { size: number; inUse: number; waiting: number; requests: number; retries: number } {
    const figures = { size: 0, inUse: 0, waiting: 0, ...this.#counts }
    for (const origin of Object.values(this.#agent.stats)) {
      figures.size += Number(origin.connected)
      figures.inUse += origin.running
      figures.waiting += origin.pending
    }
    return figures
  }

  /** The last to leave closes every connection. */
  async leave(): Promise<void> {
    if (--this.#users > 0) return
    agents.delete(this.#key)
    this.#unregister()
    await this.#agent.destroy()
  }
}

const agents = new Map<string, SharedAgent>()
