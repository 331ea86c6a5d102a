import { VERSION } from './version.ts'

/** The answer to a program's GET of the address that the server prints. */
export const serverFacts = (httpOpen: boolean) => ({
  name: 'holdfast',
  version: VERSION,
  sqs: '/',
  ...(httpOpen && { queues: '/queues', console: '/console' }),
  openapi: '/openapi.json',
  health: '/health',
})

/** The page for a browser at the address that the server prints. */
export const welcome = ({ httpOpen }: { httpOpen: boolean }): Response =>
  new Response(page(httpOpen), {
    headers: {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
    },
  })

const page = (httpOpen: boolean): string => `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Holdfast</title></head>
<body>
<h1>Holdfast</h1>
<p>A message queue listens here, for SQS clients${httpOpen ? ' and for the HTTP API' : ' that sign. The HTTP API and the console are closed by --auth; --http-open opens them'}.</p>
<ul>
${httpOpen ? '<li><a href="/console">The console</a>: queues, messages, dead letters</li>\n' : ''}<li><a href="/openapi.json">The HTTP API</a>, as an OpenAPI document</li>
</ul>
</body>
</html>
`
