import type { Capacity } from './driver.ts'
import { ConnectionsError } from './errors.ts'

/**
 * Checks that no server is asked for more connections than it takes: told when a service starts, not when its
 * load is highest.
 * @throws {ConnectionsError} CONNECTIONS_TOO_MANY
 */
export function checkCapacities(capacities: readonly Capacity[]): void {
  const servers = new Map<string, { wanted: number; available: number }>()
  for (const { server, wanted, available } of capacities) {
    const before = servers.get(server)?.wanted ?? 0
    servers.set(server, { wanted: before + wanted, available })
  }
  for (const { wanted, available } of servers.values()) {
    if (wanted <= available) continue
    const message = `the pools may open ${wanted} connections (maxSize), but the server takes ${available}`
    throw new ConnectionsError('CONNECTIONS_TOO_MANY', message)
  }
}
