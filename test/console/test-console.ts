import { callApp } from '../../console/call-app.ts'
import { type ConsoleParts, createConsole } from '../../console/console.ts'
import { createApp } from '../../functions/http/app.ts'
import { allOperations } from '../../functions/operations/all.ts'
import { silentLog } from '../../functions/runtime/log.ts'
import type { Engine } from '../../lib/engine.ts'

const ORIGIN = 'http://127.0.0.1:9324'

interface PageSeen {
  readonly status: number
  readonly html: string
  readonly headers: Headers
}

export interface TestConsole {
  /** What a browser gets at an address below `/console`. */
  see(address?: string): Promise<PageSeen>
  /** Sends a form with the token of the page `from`, and follows the redirect. */
  send(action: string, fields?: Readonly<Record<string, string>>): Promise<PageSeen>
  /** Sends a form without a token. */
  sendRaw(action: string, form: string): Promise<PageSeen>
  /** Names of the operations that were called. */
  readonly calls: string[]
}

/** A console over an engine, through the operations of the HTTP API. */
export const testConsole = (engine: Engine, parts: Partial<ConsoleParts> = {}): TestConsole => {
  const http = createApp({ operations: allOperations(async () => {}), engine: () => engine, log: silentLog })
  const call = callApp(http)
  const calls: string[] = []
  const failures: unknown[] = []
  const answer = createConsole({
    call: (operation, given) => {
      calls.push(operation)
      return call(operation, given)
    },
    place: 'in memory',
    now: engine.clock.now,
    failed: (error) => void failures.push(error),
    ...parts,
  })
  const ask = async (address: string, init?: RequestInit): Promise<PageSeen> => {
    const response = await answer(new Request(`${ORIGIN}/console${address}`, init))
    if (failures.length > 0) throw failures[0]
    return { status: response.status, html: await response.text(), headers: response.headers }
  }
  const see = (address = '') => ask(address)
  const sendRaw = (action: string, form: string) =>
    ask(action, { method: 'POST', headers: { 'content-type': 'application/x-www-form-urlencoded' }, body: form })
  const send = async (action: string, fields: Readonly<Record<string, string>> = {}) => {
    const token = /name="token" value="([^"]+)"/.exec((await see()).html)?.[1] ?? ''
    const shown = await sendRaw(action, new URLSearchParams({ token, ...fields }).toString())
    return shown.status === 303 ? see((shown.headers.get('location') ?? '').replace(/^\/console/, '')) : shown
  }
  return { see, send, sendRaw, calls }
}
