import { startPostgres, type Benchmark } from '@code/testkit'
import { measureBookkeeping } from './bookkeeping.ts'
import type { Extent } from './extent.ts'
import { measureFaults } from './faults.ts'
import { measureHttp } from './http.ts'
import { measureImports } from './imports.ts'
import { measureLockedTable } from './locked-table.ts'
import { measureBimodal, measureBusy, measureMixed } from './mixed.ts'
import { measureOpenModel } from './open-model.ts'
import { measurePointReads } from './point-reads.ts'
import { createPoints } from './points.ts'
import { measureTpcb } from './tpcb.ts'

/**
 * Everything, one after the other: naive, as competent services do it today, and ours. Servers run in processes
 * of their own but share the machine with the client.
 */
export async function measureAll(suite: Benchmark, extent: Extent): Promise<void> {
  await measureBookkeeping(suite)
  await measurePostgres(suite, extent)
  await measureTpcb(suite, extent)
  await measureFaults(suite, extent)
  await measureHttp(suite, extent)
}

async function measurePostgres(suite: Benchmark, extent: Extent): Promise<void> {
  await using server = await startPostgres()
  const { url } = server
  await createPoints(url)
  await measurePointReads(suite, url, extent)
  await measureMixed(suite, url, extent)
  await measureBimodal(suite, url, extent)
  if (extent.busyServer) await measureBusy(suite, url, extent)
  await measureOpenModel(suite, url, extent)
  await measureLockedTable(suite, url, extent)
  await measureImports(suite, server, extent)
}
