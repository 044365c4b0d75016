# fish completion of prismctl
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
