# Runs programs for supervisor.ts: sh supervise.sh DIR
#
# Each line on standard input is NAME COMMAND..., quoted for the shell. Output goes to DIR/NAME.log, the
# process id to DIR/NAME.pid and, when it has ended, its exit status to DIR/NAME.exit.
# When standard input ends, because it was closed or because the test process died in whatever way,
# everything that still runs is killed and DIR removed.
cd "$1" || exit 1
names=
while read -r name command; do
  case " $names " in *" $name "*) ;; *) names="$names $name" ;; esac
  (
    eval "set -- $command"
    "$@" >>"$name.log" 2>&1 </dev/null &
    echo $! >"$name.pid.new" && mv "$name.pid.new" "$name.pid"
    wait $!
    echo $? >"$name.exit.new" && mv "$name.exit.new" "$name.exit"
  ) &
  # So that at the end no program is running whose id is not yet known.
  until [ -e "$name.pid" ]; do sleep 0.01; done
done
for name in $names; do
  [ -e "$name.exit" ] || kill -KILL "$(cat "$name.pid")" 2>/dev/null
done
wait
cd / && rm -rf -- "$1"
