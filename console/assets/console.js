// Every page and every form works without this script. The script refreshes the page and handles keys.
const main = document.getElementById('main')
const live = document.getElementById('live')
const keys = document.getElementById('keys')
const search = document.getElementById('search')

let wait = Number(main.dataset.minimum)
let timer

const isBusy = () =>
  document.querySelector('dialog[open]') !== null ||
  [...main.querySelectorAll('input, textarea, select')].some(
    (field) => field === document.activeElement || changed(field),
  )

const changed = (field) =>
  field.type === 'checkbox' || field.type === 'radio'
    ? false
    : field.tagName === 'SELECT'
      ? [...field.options].some(
          (option) => option.selected !== option.defaultSelected && field.options.length > 1 && field.dataset.touched,
        )
      : field.value !== field.defaultValue

/** Replaces the content, and restores what was open, selected and focused. */
const replace = (next) => {
  const open = [...main.querySelectorAll('details[open][id]')].map((one) => one.id)
  const checked = [...main.querySelectorAll('input[type=checkbox]:checked')].map((one) => one.value)
  const focused = document.activeElement
  const href = main.contains(focused) ? focused.getAttribute('href') : null
  const id = main.contains(focused) ? focused.id : ''
  main.replaceChildren(...next.childNodes)
  main.dataset.version = next.dataset.version
  for (const one of open) document.getElementById(one)?.setAttribute('open', '')
  for (const box of main.querySelectorAll('input[type=checkbox]')) box.checked = checked.includes(box.value)
  const again = (id && document.getElementById(id)) || (href && main.querySelector(`a[href="${CSS.escape(href)}"]`))
  if (again) again.focus({ preventScroll: true })
}

const refresh = async () => {
  clearTimeout(timer)
  if (document.hidden || main.dataset.version === undefined) return
  if (!isBusy()) {
    try {
      const address = new URL(location.href)
      address.searchParams.delete('notice')
      const answer = await fetch(address, { headers: { accept: 'text/html' }, cache: 'no-store' })
      if (!answer.ok) throw new Error(`answered ${answer.status}`)
      const next = new DOMParser().parseFromString(await answer.text(), 'text/html').getElementById('main')
      const same = next.dataset.version === main.dataset.version
      wait = same ? Math.min(Number(main.dataset.maximum), wait * 1.5) : Number(main.dataset.minimum)
      replace(next)
      live.textContent = ''
    } catch (error) {
      wait = Number(main.dataset.maximum)
      live.textContent = `Not live: the console does not answer (${error.message}). Check that its process runs.`
    }
  }
  timer = setTimeout(refresh, wait * 1000)
}

document.addEventListener('visibilitychange', () => {
  clearTimeout(timer)
  if (!document.hidden) void refresh()
})
if (main.dataset.version !== undefined) timer = setTimeout(refresh, wait * 1000)

/** The box for all of a group checks every box of the group. Clearing one of them clears the box for all. */
main.addEventListener('change', ({ target }) => {
  const group = target.dataset.all ?? target.closest('[data-group]')?.dataset.group
  if (group === undefined) return
  const all = main.querySelector(`[data-all="${group}"]`)
  const boxes = [...main.querySelectorAll(`[data-group="${group}"] input[type=checkbox]`)]
  if (target === all) for (const box of boxes) box.checked = all.checked
  else if (!target.checked) all.checked = false
})

/** Moves the focus to the next or the previous row. */
const step = (by) => {
  const links = [...main.querySelectorAll('.row .go')]
  const at = links.findIndex((link) => link.closest('.row').contains(document.activeElement))
  const next = links[at < 0 ? (by > 0 ? 0 : links.length - 1) : at + by]
  next?.focus()
}

const KEYS = {
  '/': () => search.select() ?? search.focus(),
  j: () => step(1),
  k: () => step(-1),
  x: () => document.activeElement.closest('.row')?.querySelector('input[type=checkbox]')?.click(),
  u: () => [...main.querySelectorAll('.trail a')].at(-1)?.click(),
  r: () => void refresh(),
  '?': () => keys.showModal(),
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (event.target.matches('input:not([type=checkbox]), textarea, select') || keys.open) return
  const act = KEYS[event.key]
  if (!act) return
  event.preventDefault()
  act()
})

const button = document.getElementById('keys-button')
button.hidden = false
button.addEventListener('click', () => keys.showModal())
