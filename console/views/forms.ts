import type { ConsoleContext } from '../context.ts'
import { type Html, html, type Part } from './html.ts'

/** A form that changes something. Undefined when the console is read-only. */
export const changeForm = ({ token, readOnly }: ConsoleContext, action: string, fields: Part): Html | undefined =>
  readOnly
    ? undefined
    : html`<form method="post" action="${action}" class="change"><input type="hidden" name="token" value="${token}">${fields}</form>`

export interface Field {
  readonly name: string
  readonly label: string
  readonly value?: string | number | undefined
  readonly hint?: string
  readonly type?: 'text' | 'number'
  readonly min?: number
  readonly max?: number
  readonly step?: string
}

export const field = ({ name, label, value, hint, type = 'text', min, max, step }: Field): Html =>
  html`<p class="field"><label for="f-${name}">${label}</label><input id="f-${name}" name="${name}" type="${type}" value="${value ?? ''}"${min !== undefined && html` min="${min}"`}${max !== undefined && html` max="${max}"`}${step !== undefined && html` step="${step}"`}${hint !== undefined && html` aria-describedby="h-${name}"`}>${hint !== undefined && html`<small id="h-${name}">${hint}</small>`}</p>`

export const area = (name: string, label: string, value: string, hint?: string): Html =>
  html`<p class="field"><label for="f-${name}">${label}</label><textarea id="f-${name}" name="${name}" rows="${Math.min(20, value.split('\n').length + 1)}" spellcheck="false">\n${value}</textarea>${hint !== undefined && html`<small>${hint}</small>`}</p>`

export const choice = (
  name: string,
  label: string,
  value: string,
  options: readonly (readonly [string, string])[],
): Html =>
  html`<p class="field"><label for="f-${name}">${label}</label><select id="f-${name}" name="${name}">${options.map(([key, text]) => html`<option value="${key}"${key === value && html` selected`}>${text}</option>`)}</select></p>`

export const check = (name: string, label: string): Html =>
  html`<p class="field check"><input type="checkbox" id="f-${name}" name="${name}" value="yes"><label for="f-${name}">${label}</label></p>`
