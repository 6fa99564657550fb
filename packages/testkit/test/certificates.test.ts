import { X509Certificate } from 'node:crypto'
import { expect, test } from 'vitest'
import { createCertificates } from '../src/certificates.ts'

test('the authority signs the certificate of a server on this machine', () => {
  const { ca, certificate } = createCertificates()
  const authority = new X509Certificate(ca)
  const server = new X509Certificate(certificate)
  expect(authority.ca).toBe(true)
  expect(authority.verify(authority.publicKey)).toBe(true)
  expect(server.ca).toBe(false)
  expect(server.checkIssued(authority)).toBe(true)
  expect(server.verify(authority.publicKey)).toBe(true)
  expect(server.checkHost('localhost')).toBe('localhost')
  expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1')
  expect(server.validFromDate.getTime()).toBeLessThan(Date.now())
  expect(server.validToDate.getTime()).toBeGreaterThan(Date.now() + 86_400_000)
})

test('two authorities are strangers', () => {
  const [ours, other] = [createCertificates(), createCertificates()]
  const server = new X509Certificate(ours.certificate)
  expect(server.verify(new X509Certificate(other.ca).publicKey)).toBe(false)
})
