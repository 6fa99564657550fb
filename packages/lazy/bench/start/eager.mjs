import * as s3 from '@aws-sdk/client-s3'
import exceljs from 'exceljs'
import ioredis from 'ioredis'
import * as jsdom from 'jsdom'
import * as mathjs from 'mathjs'
import pdfkit from 'pdfkit'
import pg from 'pg'
import { ready, useAll } from './ready.mjs'

useAll({ pg, ioredis, exceljs, mathjs, jsdom, pdfkit, s3 })
ready()
