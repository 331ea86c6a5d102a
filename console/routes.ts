import { cancelAction, cancelPage, editAction, editPage, rescheduleAction, resendAction } from './actions/message.ts'
import {
  createQueueAction,
  deleteAction,
  deletePage,
  pauseAction,
  purgeAction,
  purgePage,
  sendPage,
} from './actions/queue.ts'
import { cancelRedriveAction, redriveAction, tryRedriveAction } from './actions/redrive.ts'
import { sendAction } from './actions/send.ts'
import { settingsAction, settingsPage } from './actions/settings.ts'
import { undoAction, undoPage } from './actions/undo.ts'
import type { Action, Page } from './context.ts'
import { deadPage } from './pages/dead.ts'
import { groupsPage } from './pages/groups.ts'
import { messagePage } from './pages/message.ts'
import { queuePage } from './pages/queue.ts'
import { queuesPage } from './pages/queues.ts'
import { redrivesPage } from './pages/redrives.ts'
import { triggersPage } from './pages/triggers.ts'

/** Every screen, by its path below `/console`. None of them receives a message. */
export const PAGES: Readonly<Record<string, Page>> = {
  '/': queuesPage,
  '/queues/:queue': queuePage,
  '/queues/:queue/groups': groupsPage,
  '/redrives': redrivesPage,
  '/triggers': triggersPage,
  '/queues/:queue/dead': deadPage,
  '/queues/:queue/settings': settingsPage,
  '/queues/:queue/send': sendPage,
  '/queues/:queue/purge': purgePage,
  '/queues/:queue/delete': deletePage,
  '/queues/:queue/redrives/:taskId/undo': undoPage,
  '/queues/:queue/messages/:messageId': messagePage,
  '/queues/:queue/messages/:messageId/cancel': cancelPage,
  '/queues/:queue/messages/:messageId/edit': editPage,
}

/** Every action, by the path below `/console` to which its form is sent. */
export const ACTIONS: Readonly<Record<string, Action>> = {
  '/queues': createQueueAction,
  '/queues/:queue/settings': settingsAction,
  '/queues/:queue/dead/try': tryRedriveAction,
  '/queues/:queue/redrive': redriveAction,
  '/queues/:queue/redrives/:taskId/cancel': cancelRedriveAction,
  '/queues/:queue/redrives/:taskId/undo': undoAction,
  '/queues/:queue/send': sendAction,
  '/queues/:queue/pause': pauseAction,
  '/queues/:queue/purge': purgeAction,
  '/queues/:queue/delete': deleteAction,
  '/queues/:queue/messages/:messageId/reschedule': rescheduleAction,
  '/queues/:queue/messages/:messageId/resend': resendAction,
  '/queues/:queue/messages/:messageId/cancel': cancelAction,
  '/queues/:queue/messages/:messageId/edit': editAction,
}
