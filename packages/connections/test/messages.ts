import { subscribe, unsubscribe } from 'node:diagnostics_channel'

/** Everything published on a channel from here on. */
export function listenTo(channel: string): Disposable & { readonly messages: readonly unknown[] } {
  const messages: unknown[] = []
  const listener = (message: unknown): void => void messages.push(message)
  subscribe(channel, listener)
  return { messages, [Symbol.dispose]: () => void unsubscribe(channel, listener) }
}
