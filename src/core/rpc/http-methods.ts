/** The http family's handlers. */
import { HttpAcknowledgeParams, HttpCancelParams, HttpRequestParams } from '../../protocol/schemas/http.ts'
import { Method } from '../../protocol/wire/methods.ts'
import { method } from './method.ts'

const FAMILY = 'http'

export const httpMethods = {
  [Method.HttpRequest]: method(FAMILY, HttpRequestParams, (params, context) => context.http.request(params, context)),
  // A request that has ended, or that there never was, needs neither: nobody can tell by then whether it has just ended.
  [Method.HttpAcknowledge]: method(FAMILY, HttpAcknowledgeParams, ({ requestId, seq }, { http }) => {
    http.acknowledge(requestId, seq)
    return {}
  }),
  [Method.HttpCancel]: method(FAMILY, HttpCancelParams, ({ requestId }, { http }) => {
    http.cancel(requestId)
    return {}
  }),
}
