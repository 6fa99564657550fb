export { ConnectionsError, type ConnectionsErrorCode } from './errors.ts'
export {
  getHttpSession,
  type HttpRequestOptions,
  type HttpResponseFor,
  type HttpSession,
  type HttpSessionOptions,
  type HttpSessionStats,
} from './http/http-session.ts'
export type { HttpBody, HttpMethod } from './http/exchange.ts'
export type { HttpHeaders, HttpResponse, HttpStreamResponse } from './http/http-response.ts'
export type { CloseOptions, CloseReport, Holder } from './report.ts'
export type { HttpMessage } from './telemetry.ts'
