import type { PostgresListener, PostgresPool } from '@code/connections/postgres'
import { importsChannel } from './places.ts'

/**
 * Calls `onImport` when other places were imported, by whatever process, and when that may have gone unnoticed
 * because the connection was lost for a while.
 */
export async function followImports(database: PostgresPool, onImport: () => void): Promise<PostgresListener> {
  const imports = await database.listen(importsChannel, { onReconnect: onImport })
  void callOnEach(imports, onImport)
  return imports
}

async function callOnEach(imports: PostgresListener, onImport: () => void): Promise<void> {
  try {
    for await (const _ of imports) onImport()
  } catch (error) {
    console.error('imports go unnoticed from now on:', error)
  }
}
