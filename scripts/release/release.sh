#!/usr/bin/env bash
# Steps of .github/workflows/release.yml that call GitHub. Both are safe to run again.
#
#   release.sh publish NOTES ASSET...   publishes the release of $TAG, as a draft first
#   release.sh move-major-tag           points the tag v1 (of v1.2.3) at $COMMIT
#
# Need GH_TOKEN, GITHUB_REPOSITORY and TAG; the second also COMMIT and GITHUB_STEP_SUMMARY.
set -euo pipefail
: "${GITHUB_REPOSITORY:?}" "${TAG:?}"
repository=repos/$GITHUB_REPOSITORY

# One line for each release, drafts included: ID, draft, prerelease, tag.
list_releases() {
  gh api --paginate "$repository/releases?per_page=100" --jq '.[] | [.id, .draft, .prerelease, .tag_name] | @tsv'
}

# newest PREFIX RELEASES: the highest published version that begins with PREFIX; $TAG counts as published.
# A tag alone does not count: its release may have failed.
newest() {
  {
    echo "$TAG"
    awk -F '\t' '$2 == "false" && $3 == "false" { print $4 }' <<< "$2"
  } | grep -E '^v[0-9]+\.[0-9]+\.[0-9]+$' | grep -F -- "$1" | sort --version-sort | tail -n 1
}

publish() {
  local notes=$1 releases id draft tag latest=false
  shift
  releases=$(list_releases)
  while IFS=$'\t' read -r id draft _ tag; do
    [ "$tag" = "$TAG" ] || continue
    if [ "$draft" = false ]; then
      echo "$TAG is already published."
      return
    fi
    echo "Deleting the draft that an earlier attempt left."
    gh api --silent --method DELETE "$repository/releases/$id"
  done <<< "$releases"
  # A backport, such as v1.2.4 after v1.3.0, must not become the release that GitHub calls "Latest".
  [ "$(newest v "$releases")" != "$TAG" ] || latest=true
  gh release create "$TAG" --repo "$GITHUB_REPOSITORY" --draft --verify-tag --title "$TAG" --notes-file "$notes" "$@"
  # Immutable from here on.
  gh release edit "$TAG" --repo "$GITHUB_REPOSITORY" --draft=false --latest="$latest"
}

# report TITLE TEXT COMMAND: what a person has to do, as an annotation and in the job summary.
report() {
  echo "::error title=$1::$2 Run: $3"
  # shellcheck disable=SC2016 # a code block in Markdown
  printf '### %s\n\n%s\n\n```sh\n%s\n```\n' "$1" "$2" "$3" >> "$GITHUB_STEP_SUMMARY"
}

move_major_tag() {
  : "${COMMIT:?}" "${GITHUB_STEP_SUMMARY:?}"
  local major=${TAG%%.*} releases current latest
  releases=$(list_releases)
  latest=$(newest "$major." "$releases")
  if [ "$latest" != "$TAG" ]; then
    echo "::notice::$major stays at $latest, which is newer than $TAG."
    return
  fi
  current=$(gh api --paginate "$repository/git/matching-refs/tags/$major" \
    --jq ".[] | select(.ref == \"refs/tags/$major\") | .object.sha")
  if [ "$current" = "$COMMIT" ]; then
    echo "$major already points at $COMMIT."
  elif [ -n "$current" ]; then
    gh api --silent --method PATCH "$repository/git/refs/tags/$major" -f "sha=$COMMIT" -F force=true || refused "$major"
  else
    gh api --silent --method POST "$repository/git/refs" -f "ref=refs/tags/$major" -f "sha=$COMMIT" || refused "$major"
  fi
}

refused() {
  report "The tag $1 was not moved" \
    "$TAG is published, but GitHub did not accept the update of $1. The workflow's token may not move a tag to a commit \
whose workflow files differ from the default branch." \
    "git fetch --tags origin && git push --force origin $COMMIT:refs/tags/$1"
  return 1
}

case "${1:-}" in
  publish) publish "${@:2}" ;;
  move-major-tag) move_major_tag ;;
  *)
    echo "Usage: release.sh publish NOTES ASSET... | release.sh move-major-tag" >&2
    exit 2
    ;;
esac
