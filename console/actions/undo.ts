import { type Action, BASE, type Page, queueHref } from '../context.ts'
import { changeForm, field } from '../views/forms.ts'
import { type Html, html } from '../views/html.ts'
import { counted } from '../views/words.ts'

/** Asks for confirmation of an undo, and shows in numbers what it would do. Moves nothing. */
export const undoPage: Page = async (context, { params: { queue = '', taskId = '' } }) => {
  const { returning, received, behind, gone = 0, complete, queues } = await context.api.previewUndo(queue, taskId)
  const least = complete ? '' : 'at least '
  const messages = counted(returning, 'message')
  return {
    title: 'Undo',
    trail: [
      ['Queues', BASE],
      ['Redrives', `${BASE}/redrives`],
    ],
    main: html`<h1>Undo the redrive of ${queue}?</h1>
<ul><li>${least}<b>${messages}</b> will go back to <b>${queue}</b>${queues.length > 0 && ` from ${queues.join(', ')}`}, each with the reason that it had there.</li>
${outcome(received, 'will stay where they are: consumers received them after the redrive', 'will stay where it is: a consumer received it after the redrive')}
${outcome(behind, 'will stay, so that they do not overtake those in their groups', 'will stay, so that it does not overtake those in its group')}
${outcome(gone, 'are gone: acked, deleted, rescheduled, expired or moved elsewhere', 'is gone: acked, deleted, rescheduled, expired or moved elsewhere')}</ul>
<p>A message that a consumer receives before it has gone back stays too.</p>
${
  // A count that ended early may not have come to the messages that can go back.
  returning > 0 || !complete
    ? changeForm(
        context,
        queueHref(queue, 'redrives', taskId, 'undo'),
        html`${RATE}<button>Move back ${returning > 0 ? `${least}${messages}` : 'what can go back'}</button> <a href="${BASE}/redrives">Move nothing</a>`,
      )
    : html`<p>Nothing can go back. <a href="${BASE}/redrives">To the redrives</a></p>`
}`,
  }
}

const RATE = field({
  name: 'maxPerSecond',
  label: 'At most, messages a second',
  type: 'number',
  min: 1,
  max: 500,
  hint: 'No limit when empty',
})

const outcome = (count: number, several: string, one: string): Html | undefined =>
  count === 0 ? undefined : html`<li>${counted(count, 'message')} ${count === 1 ? one : several}.</li>`

/** Starts an undo. */
export const undoAction: Action = async ({ api }, { params: { queue = '', taskId = '' } }, form) => {
  const rate = (form.get('maxPerSecond') ?? '').trim()
  await api.undoRedrive(queue, taskId, rate === '' ? {} : { maxPerSecond: Number(rate) })
  return { to: `${BASE}/redrives`, notice: 'The undo has started.' }
}
