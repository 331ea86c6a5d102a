import type { Problem } from '../../functions/http/problem.ts'
import { BASE, type Screen } from '../context.ts'
import { html } from '../views/html.ts'

/** A problem that the API answered with: its reason, and what to do about it. */
export const problemScreen = (problem: Problem): Screen =>
  failureScreen(
    problem.status,
    problem.title,
    problem.detail,
    problem.hint ?? (problem.retryable ? 'Nothing was changed. Reload the page in a moment.' : undefined),
  )

/** A page for an action or a screen that failed. */
export const failureScreen = (status: number, title: string, detail: string, hint?: string): Screen => ({
  title,
  status,
  trail: [['Queues', BASE]],
  main: html`<h1>${title}</h1><p>${detail}.</p>${hint !== undefined && html`<p>${hint}</p>`}<p><a href="${BASE}">All queues</a></p>`,
})
