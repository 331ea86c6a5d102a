import type { ActionContext } from './context.ts'
import { deleteMessage, deleteMessageBatch } from './delete.ts'
import type { ActionName, Input, Output } from './model.ts'
import { cancelMessageMoveTask, listMessageMoveTasks, startMessageMoveTask } from './move-tasks.ts'
import { addPermission, removePermission } from './permissions.ts'
import {
  createQueue,
  deleteQueue,
  getQueueAttributes,
  getQueueUrl,
  listDeadLetterSourceQueues,
  listQueues,
  purgeQueue,
  setQueueAttributes,
} from './queues.ts'
import { receiveMessage } from './receive.ts'
import { sendMessage, sendMessageBatch } from './send.ts'
import { listQueueTags, tagQueue, untagQueue } from './tags.ts'
import { changeMessageVisibility, changeMessageVisibilityBatch } from './visibility.ts'

/** The function of each action. The model has its input and output; neither depends on a protocol. */
const ACTIONS: { readonly [A in ActionName]: (context: ActionContext, input: Input<A>) => Promise<Output<A>> } = {
  AddPermission: addPermission,
  CancelMessageMoveTask: cancelMessageMoveTask,
  ChangeMessageVisibility: changeMessageVisibility,
  ChangeMessageVisibilityBatch: changeMessageVisibilityBatch,
  CreateQueue: createQueue,
  DeleteMessage: deleteMessage,
  DeleteMessageBatch: deleteMessageBatch,
  DeleteQueue: deleteQueue,
  GetQueueAttributes: getQueueAttributes,
  GetQueueUrl: getQueueUrl,
  ListDeadLetterSourceQueues: listDeadLetterSourceQueues,
  ListMessageMoveTasks: listMessageMoveTasks,
  ListQueueTags: listQueueTags,
  ListQueues: listQueues,
  PurgeQueue: purgeQueue,
  ReceiveMessage: receiveMessage,
  RemovePermission: removePermission,
  SendMessage: sendMessage,
  SendMessageBatch: sendMessageBatch,
  SetQueueAttributes: setQueueAttributes,
  StartMessageMoveTask: startMessageMoveTask,
  TagQueue: tagQueue,
  UntagQueue: untagQueue,
}

/** The function of an action. Its input must have been decoded with the action's shape. */
export const actionNamed = (
  name: ActionName,
): ((context: ActionContext, input: object) => Promise<Readonly<Record<string, unknown>>>) =>
  ACTIONS[name] as (context: ActionContext, input: object) => Promise<Readonly<Record<string, unknown>>>
