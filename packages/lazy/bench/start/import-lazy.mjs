import { createRequire } from 'node:module'
import importLazy from 'import-lazy'
import { ready, usePg } from './ready.mjs'

const lazily = importLazy(createRequire(import.meta.url))
const packages = ['@aws-sdk/client-s3', 'exceljs', 'ioredis', 'jsdom', 'mathjs', 'pdfkit', 'pg'].map(lazily)
usePg(packages.at(-1))
ready()
