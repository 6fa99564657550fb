// What every program does before it says that it is ready: build two objects with pg and look at them.

export function usePg(pg) {
  const pool = new pg.Pool({ host: '127.0.0.1', max: 3 })
  const client = new pg.Client({ host: '127.0.0.1', port: 5433 })
  if (pool.options.max !== 3 || client.port !== 5433) throw new Error('pg was not used')
}

/** Takes a class or function from each of the packages. */
export function useAll({ pg, ioredis, exceljs, mathjs, jsdom, pdfkit, s3 }) {
  const found = [ioredis.Cluster, exceljs.Workbook, mathjs.add, jsdom.JSDOM, pdfkit, s3.S3Client]
  if (!found.every((value) => typeof value === 'function')) throw new Error('a package was not loaded')
  usePg(pg)
}

/** The last thing a program does: `performance.now()` counts from the start of the process. */
export function ready() {
  const readyMs = performance.now()
  console.log(JSON.stringify({ readyMs, rssBytes: process.memoryUsage.rss() }))
}
