# bash completion of prismctl
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
