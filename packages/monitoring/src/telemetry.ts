import { channel, type Channel } from 'node:diagnostics_channel'
import type { HealthReport } from './report.ts'

/** All checks were made. */
export type HealthMessage = HealthReport

export const healthChannel: Channel = channel('code:monitoring:health')
