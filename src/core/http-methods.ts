/** The http family's handler. */
import { HttpRequestParams } from '../protocol/http.ts'
import { Method } from '../protocol/methods.ts'
import { method } from './method.ts'

export const httpMethods = {
  [Method.HttpRequest]: method('http', HttpRequestParams, (params, context) => context.http.request(params, context)),
}
