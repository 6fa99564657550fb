import type exceljs from 'exceljs'
import type { Place } from './places.ts'

/** What is needed of the package `exceljs`, which each variant of the service imports in its own way. */
export type Exceljs = Pick<typeof exceljs, 'Workbook'>

export const spreadsheetType = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet'

/** An answer as a spreadsheet, a row for each match. Few ask for it, and what it takes is heavy. */
export async function writeSpreadsheet({ Workbook }: Exceljs, answer: Buffer): Promise<Buffer> {
  const { question, matches } = JSON.parse(answer.toString()) as { question: string; matches: Place[] }
  const workbook = new Workbook()
  const sheet = workbook.addWorksheet('matches')
  sheet.columns = ['name', 'country', 'region', 'lat', 'lng'].map((key) => ({ key, header: key }))
  sheet.addRows(matches)
  workbook.title = question
  return Buffer.from(await workbook.xlsx.writeBuffer())
}
