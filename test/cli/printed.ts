interface Finding {
  readonly cures: readonly { readonly command?: string }[]
}

/** What follows `holdfast` in a command that a finding prints, as a shell splits it. */
export const printed = ({ cures }: Finding, index = 0): string[] => {
  const command = cures[index]?.command ?? ''
  if (!command.startsWith('holdfast ')) throw new Error(`no command of holdfast: ${command}`)
  return command.split(' ').slice(1)
}
