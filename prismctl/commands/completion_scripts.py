"""The completion scripts of the shells: they ask the program, and evaluate nothing of its answer.

Each puts the line up to the cursor into the environment. The first line of the answer is what is
wanted (``words``, ``file``, ``dir``); each further one a word, a tab and what it means.
"""

BASH = r"""# bash completion of prismctl
_prismctl() {
    local kind='' word=''
    COMPREPLY=()
    {
        IFS= read -r kind
        while IFS= read -r word; do
            COMPREPLY+=("$word")
        done
    } < <(_PRISMCTL_COMPLETE=bash _PRISMCTL_LINE="${COMP_LINE:0:COMP_POINT}" \
        _PRISMCTL_BREAKS="$COMP_WORDBREAKS" "$1" 2>/dev/null)
    case $kind in
        file) compopt -o default 2>/dev/null ;;
        dir) compopt -o dirnames 2>/dev/null ;;
    esac
}
complete -o nosort -F _prismctl prismctl 2>/dev/null || complete -F _prismctl prismctl
"""

ZSH = r"""#compdef prismctl
# zsh completion of prismctl
_prismctl() {
    local line value kind
    local -a lines shown
    lines=("${(@f)$(_PRISMCTL_COMPLETE=zsh \
        _PRISMCTL_LINE="${(j: :)words[1,CURRENT-1]} $QIPREFIX$PREFIX" \
        ${(Q)~words[1]} 2>/dev/null)}")
    kind=$lines[1]
    case $kind in
        file) compset -P '--*='; _files ;;
        dir) compset -P '--*='; _files -/ ;;
        words)
            for line in "${(@)lines[2,-1]}"; do
                [[ -n $line ]] || continue
                value=${line%%$'\t'*}
                shown+=("${value//:/\\:}:${line#*$'\t'}")
            done
            _describe -V -t prismctl prismctl shown
            ;;
    esac
}
if [ "$funcstack[1]" = "_prismctl" ]; then
    _prismctl "$@"
else
    compdef _prismctl prismctl
fi
"""

FISH = r"""# fish completion of prismctl
function __prismctl_complete
    set -l typed (commandline -ct)
    set -l program (string replace -r '^~' -- $HOME (commandline -opc)[1])
    set -l line (commandline -cp | string collect)
    set -l lines (env _PRISMCTL_COMPLETE=fish _PRISMCTL_LINE=$line $program 2>/dev/null)
    set -l flag (string match -r -- '^--[^=]*=' $typed)
    set -l begun (string replace -- "$flag" '' $typed)
    switch "$lines[1]"
        case file
            printf '%s\n' "$flag"(__fish_complete_path $begun)
        case dir
            printf '%s\n' "$flag"(__fish_complete_directories $begun '')
        case words
            printf '%s\n' $lines[2..-1]
    end
end
complete -c prismctl -f -a '(__prismctl_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
