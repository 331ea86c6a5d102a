import type { Problem } from '../../functions/http/problem.ts'
import { BASE, type Screen } from '../context.ts'
import { html } from '../views/html.ts'

/**
 * A problem that the API answered with: its reason, and what to do about it.
 *
 * @param isChange whether the request was a form: a reload of the page sends it again
 */
export const problemScreen = (problem: Problem, isChange: boolean): Screen =>
  failureScreen(
    problem.status,
    problem.title,
    problem.detail,
    problem.hint ?? (problem.retryable ? (isChange ? changeHint(problem) : 'Reload the page in a moment.') : undefined),
  )

/** A throttled request did nothing. Of another one that may be repeated, the answer alone can be lost. */
const changeHint = ({ code }: Problem): string =>
  code === 'Throttled'
    ? 'Nothing was changed. Go back, and try again in a moment.'
    : 'It is not known whether anything was changed. Look at the queue before you repeat the action.'

/** A page for an action or a screen that failed. */
export const failureScreen = (status: number, title: string, detail: string, hint?: string): Screen => ({
  title,
  status,
  trail: [['Queues', BASE]],
  main: html`<h1>${title}</h1><p>${detail}.</p>${hint !== undefined && html`<p>${hint}</p>`}<p><a href="${BASE}">All queues</a></p>`,
})
