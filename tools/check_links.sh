#!/usr/bin/env bash
# Checks that every relative link of the documents names a file that is there, and every #anchor one of its headings.
set -euo pipefail
cd "$(dirname "$0")/.."
mapfile -t pages < <(find . -maxdepth 1 -name '*.md'; find docs -name '*.md')
[ ${#pages[@]} -gt 0 ]

anchors() { # PAGE: of its headings, as GitHub makes them
    sed -n 's/^##* //p' "$1" | tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9_ -]//g; s/ /-/g'
}
broken=0
for page in "${pages[@]}"; do
    while read -r link; do
        file=${link%%#*} anchor=${link#"$file"} anchor=${anchor#\#}
        to=$page
        [ -z "$file" ] || to=$(dirname "$page")/$file
        if [ ! -e "$to" ]; then
            echo "links: $page: $link: no such file"
            broken=1
        elif [ "$anchor" ] && ! grep -qxF -- "$anchor" <(anchors "$to"); then
            echo "links: $page: $link: no such heading"
            broken=1
        fi
    done < <(grep -o '](\([^)]*\))' "$page" | sed 's/^](//; s/)$//' | grep -v '^[a-z]*:' | sort -u)
done
[ $broken = 0 ] && echo "links: ok"
