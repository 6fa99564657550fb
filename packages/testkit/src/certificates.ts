import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'

export interface ServerCertificates {
  /** What a client must trust, as PEM. */
  readonly ca: string
  /** The server's, for `localhost` and 127.0.0.1, as PEM. */
  readonly certificate: string
  readonly key: string
}

/**
 * Makes a certificate authority nobody knows and, signed by it, the certificate of a server on this machine.
 * Node reads certificates and writes none, hence the DER below (RFC 5280 §4.1). The keys are ECDSA: with Ed25519
 * there is no channel binding for SCRAM (RFC 5929 §4.1 wants the signature's hash).
 */
export function createCertificates(): ServerCertificates {
  const authority = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const server = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const issuer = 'testkit authority'
  const signed = (subject: string, publicKey: KeyObject, extension: Buffer): string =>
    certificate({ subject, issuer, publicKey, extension, signingKey: authority.privateKey })
  return {
    ca: signed(issuer, authority.publicKey, basicConstraints()),
    certificate: signed('localhost', server.publicKey, alternativeNames()),
    key: server.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

interface CertificateContent {
  readonly subject: string
  readonly issuer: string
  readonly publicKey: KeyObject
  readonly extension: Buffer
  readonly signingKey: KeyObject
}

function certificate({ subject, issuer, publicKey, extension, signingKey }: CertificateContent): string {
  const version3 = element(0xa0, element(INTEGER, Buffer.of(2)))
  // A serial number is positive and has no leading zeros.
  const serial = element(INTEGER, Buffer.of(1), randomBytes(8))
  const algorithm = sequence(element(OBJECT_ID, ecdsaWithSha256))
  const day = 86_400_000
  const validity = sequence(time(Date.now() - day), time(Date.now() + 30 * day))
  const content = sequence(
    version3,
    serial,
    algorithm,
    name(issuer),
    validity,
    name(subject),
    publicKey.export({ type: 'spki', format: 'der' }),
    element(0xa3, sequence(extension)),
  )
  const signature = element(BIT_STRING, Buffer.of(0), sign('sha256', content, signingKey))
  const lines = sequence(content, algorithm, signature).toString('base64').replaceAll(/.{64}/g, '$&\n')
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`
}

const INTEGER = 0x02
const BIT_STRING = 0x03
const OCTET_STRING = 0x04
const OBJECT_ID = 0x06
const UTF8_STRING = 0x0c
const UTC_TIME = 0x17

const ecdsaWithSha256 = Buffer.from('2a8648ce3d040302', 'hex')
const commonNameId = Buffer.from('550403', 'hex')
const basicConstraintsId = Buffer.from('551d13', 'hex')
const alternativeNamesId = Buffer.from('551d11', 'hex')

function name(text: string): Buffer {
  const commonName = sequence(element(OBJECT_ID, commonNameId), element(UTF8_STRING, Buffer.from(text)))
  return sequence(element(0x31, commonName))
}

function time(ms: number): Buffer {
  const digits = new Date(ms).toISOString().slice(2, 19).replaceAll(/\D/g, '')
  return element(UTC_TIME, Buffer.from(`${digits}Z`))
}

function basicConstraints(): Buffer {
  const isTrue = Buffer.of(0x01, 0x01, 0xff)
  return sequence(
    element(OBJECT_ID, basicConstraintsId),
    isTrue, // critical
    element(OCTET_STRING, sequence(isTrue)),
  )
}

function alternativeNames(): Buffer {
  const names = sequence(element(0x82, Buffer.from('localhost')), element(0x87, Buffer.of(127, 0, 0, 1)))
  return sequence(element(OBJECT_ID, alternativeNamesId), element(OCTET_STRING, names))
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return element(0x30, ...parts)
}

/** Tag, length, content. */
function element(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  return Buffer.concat([Buffer.of(tag, ...sizeOf(content.length)), content])
}

function sizeOf(length: number): readonly number[] {
  if (length < 0x80) return [length]
  return length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
}
