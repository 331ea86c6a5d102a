import { UsageError } from '../../functions/local/usage-error.ts'
import { verb } from '../verb.ts'

/** Each asks `holdfast __complete` with the words so far, of which the last is the one to complete. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_holdfast() {
  local IFS=$'\\n'
  COMPREPLY=($(holdfast __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -F _holdfast holdfast`,
  zsh: `#compdef holdfast
_holdfast() {
  local -a found
  found=("\${(@f)$(holdfast __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  compadd -a found
}
compdef _holdfast holdfast`,
  fish: `complete -c holdfast -f -a '(holdfast __complete (commandline -opc)[2..] (commandline -ct) 2>/dev/null)'`,
}

export const completion = verb({
  syntax: 'completion <shell>',
  group: 'Other',
  summary: 'print the completion for a shell: bash, zsh or fish',
  details: 'It completes commands, options, and the names of queues.',
  withoutTarget: true,
  examples: [
    ['eval "$(holdfast completion bash)"', 'in ~/.bashrc'],
    ['eval "$(holdfast completion zsh)"', 'in ~/.zshrc'],
    ['holdfast completion fish | source', 'in ~/.config/fish/config.fish'],
  ],
  run: async ({ out }, [shell = '']) => {
    const script = SCRIPTS[shell]
    if (script === undefined)
      throw new UsageError(`there is a completion for ${Object.keys(SCRIPTS).join(', ')}, and none for ${shell}`)
    out.text(script)
  },
})
