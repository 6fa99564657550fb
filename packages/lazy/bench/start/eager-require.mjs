import { createRequire } from 'node:module'
import { ready, useAll } from './ready.mjs'

const require = createRequire(import.meta.url)
useAll({
  s3: require('@aws-sdk/client-s3'),
  exceljs: require('exceljs'),
  ioredis: require('ioredis'),
  jsdom: require('jsdom'),
  mathjs: require('mathjs'),
  pdfkit: require('pdfkit'),
  pg: require('pg'),
})
ready()
