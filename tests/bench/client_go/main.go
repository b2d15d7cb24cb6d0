// The rival of the bench: client-go's leader election as its documentation shows it, with the usual
// 15/10/2 seconds and ReleaseOnCancel. It logs and acts like tests/bench/worker.ts.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

const (
	leaseDuration = 15 * time.Second
	renewDeadline = 10 * time.Second
	retryPeriod   = 2 * time.Second
	actPeriod     = 10 * time.Millisecond
)

// say writes one JSON line, as the service does, so that the bench reads both alike.
func say(event string, fields map[string]any) {
	line := map[string]any{
		"time":  time.Now().UTC().Format("2006-01-02T15:04:05.000000Z07:00"),
		"event": event,
	}
	for name, value := range fields {
		line[name] = value
	}
	text, err := json.Marshal(line)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Fprintf(os.Stderr, "%s\n", text)
}

// act appends to the log of acts until the context ends: all that client-go offers to know by. The
// context of a term is cancelled by the same elector that would renew it.
func act(ctx context.Context, path, identity string, term int64) {
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	for number := 0; ctx.Err() == nil; number++ {
		micros := time.Now().UnixMicro()
		fmt.Fprintf(file, "%d.%03d %s#%d %d\n", micros/1000, micros%1000, identity, term, number)
		time.Sleep(actPeriod)
	}
}

func main() {
	kubeconfig := flag.String("kubeconfig", "", "how to reach the API server")
	namespace := flag.String("lease-namespace", "default", "where the Lease is")
	name := flag.String("lease-name", "bench", "the Lease")
	identity := flag.String("identity", "client-go", "the name of this candidate")
	acts := flag.String("acts", "", "file that takes the acts; none if empty")
	flag.Parse()

	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err != nil {
		log.Fatal(err)
	}
	client := kubernetes.NewForConfigOrDie(config)

	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		<-signals
		cancel()
	}()

	var terms atomic.Int64
	elector := leaderelection.LeaderElectionConfig{
		Lock: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: *namespace, Name: *name},
			Client:     client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: *identity},
		},
		LeaseDuration:   leaseDuration,
		RenewDeadline:   renewDeadline,
		RetryPeriod:     retryPeriod,
		ReleaseOnCancel: true,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(ctx context.Context) {
				say("elected", nil)
				act(ctx, *acts, *identity, terms.Add(1))
			},
			OnStoppedLeading: func() { say("lost", nil) },
			OnNewLeader: func(leader string) {
				if leader != *identity {
					say("new-leader", map[string]any{"leader": leader})
				}
			},
		},
	}
	say("candidate", nil)
	// Most programs exit after a loss; contending again is what compares with a process that lives on.
	for ctx.Err() == nil {
		leaderelection.RunOrDie(ctx, elector)
	}
}
