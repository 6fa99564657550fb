// What a service imports at its top, though most processes need little of it.
import * as s3 from '@aws-sdk/client-s3'
import exceljs from 'exceljs'
import * as mathjs from 'mathjs'
import pdfkit from 'pdfkit'
import pg from 'pg'

export const packages = { s3, exceljs, mathjs, pdfkit, pg }
