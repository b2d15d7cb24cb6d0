# The command of `exec`: sh command.sh KIND LOG REGISTER [PROGRAM THAT NESTS ANOTHER COMMAND...]
#
# It acts, and has another one act that got away from it, in the way that KIND says. All but a plain one
# ignore SIGTERM.
kind=$1 log=$2 register=$3
shift 3
writer=${0%/*}/writer.sh
act="$writer $log $register $K8SENSUS_IDENTITY $K8SENSUS_TOKEN"
pause=0.02
[ "$kind" = plain ] || trap '' TERM
# $act is split into its words, none of which has spaces in it.
# shellcheck disable=SC2086
case $kind in
  fork) (sh $act "$pause" &) ;;
  session) setsid sh $act "$pause" & ;;
  clean) (setsid env -i PATH="$PATH" sh $act "$pause" &) ;;
  nested) "$@" sh $act "$pause" & ;;
  fast) pause= ;;
esac
# shellcheck disable=SC2086
exec sh $act $pause
