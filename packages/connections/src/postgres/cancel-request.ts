import { connect } from 'node:net'

/** Which backend to interrupt, and the proof that it is ours: both were told at log-in. */
export interface CancelTarget {
  readonly host: string
  readonly port: number
  readonly processId: number
  readonly secretKey: number
}

/**
 * Asks the server to interrupt what a backend is doing, over a connection of its own. Resolves when the server
 * has passed it on, or after `timeoutMs`; whether the backend heeds it shows on the backend's own connection.
 */
export function sendCancelRequest(target: CancelTarget, timeoutMs: number): Promise<void> {
  const { host, port } = target
  return new Promise((resolve) => {
    // Plain text even where log-in is encrypted, as libpq does: the key is good for this one thing.
    const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
    const timer = setTimeout(() => socket.destroy(), timeoutMs)
    socket.on('error', () => {})
    socket.on('close', () => {
      clearTimeout(timer)
      resolve()
    })
    // The server hangs up. A client that does so first is the end of PgBouncer (`bad client state`).
    socket.resume().write(cancelRequest(target))
  })
}

function cancelRequest({ processId, secretKey }: CancelTarget): Buffer {
  const message = Buffer.alloc(16)
  message.writeInt32BE(16, 0)
  message.writeInt32BE(80_877_102, 4)
  message.writeInt32BE(processId, 8)
  message.writeInt32BE(secretKey, 12)
  return message
}
