/* Forks under load: `fork BROKERS TOPIC CHILDREN`. Every child goes on with the producer it inherited.
 *
 * Three threads of the parent send pT:0, pT:1 ... with the key pT while it forks; child N sends cN:0 to cN:19 with the
 * key cN and waits until they are delivered. Every tenth child only frees the producer, every tenth only ends. Prints how
 * many messages each thread sent. A child that hangs is ended by its own alarm, and that is an error here. */
#include <async_producer.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3
#define BURST 20       /* messages of a thread between two pauses */
#define CHILD_MESSAGES 20
#define AT_ONCE 8      /* children that run at a time: the workers of a preforking server */
#define PATIENCE_S 90

static ap_producer_t *producer;
static const char *topic;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int over;

static int is_over(void)
{
    pthread_mutex_lock(&lock);
    int answer = over;
    pthread_mutex_unlock(&lock);
    return answer;
}

static ap_status_t say(const char *who, unsigned long number)
{
    char value[64];
    int length = snprintf(value, sizeof value, "%s:%lu", who, number);
    return ap_produce(producer, topic, who, strlen(who), value, (size_t)length, number);
}

struct sender {
    pthread_t thread;
    char name[16];
    unsigned long sent;
};

static void *send_on(void *data)
{
    struct sender *sender = data;
    const struct timespec pause = {0, 5000000};
    while (!is_over()) {
        for (int i = 0; i < BURST; i++) {
            ap_status_t status = say(sender->name, sender->sent);
            if (status != AP_OK) {
                fprintf(stderr, "%s: %s\n", sender->name, ap_status_name(status));
                exit(1);
            }
            sender->sent++;
        }
        nanosleep(&pause, NULL);
    }
    return NULL;
}

/* Answers the exit code. No stdio: another thread may have held its locks at the fork. */
static int be_a_child(int number)
{
    char name[16];
    ap_stats_t stats = AP_STATS_INIT;
    alarm(PATIENCE_S);
    if (number % 10 == 8) /* ends with a handle that it never used */
        return 0;
    if (number % 10 == 9) {
        ap_free(producer);
        return 0;
    }
    snprintf(name, sizeof name, "c%d", number);
    for (unsigned long i = 0; i < CHILD_MESSAGES; i++)
        if (say(name, i) != AP_OK)
            return 10;
    if (ap_flush(producer, PATIENCE_S * 1000) != AP_OK)
        return 11;
    if (ap_stats(producer, &stats) != AP_OK || stats.accepted != CHILD_MESSAGES || stats.delivered != CHILD_MESSAGES)
        return 12;
    if (number % 2 == 0)
        return 0; /* leaves the producer to the end of the process */
    if (ap_shutdown(producer, PATIENCE_S * 1000) != AP_OK)
        return 13;
    ap_free(producer);
    return 0;
}

/* Waits for any child; counts it as failed unless it ended well. */
static int reap(void)
{
    int status;
    pid_t pid = wait(&status);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (WIFSIGNALED(status))
        fprintf(stderr, "child %ld: signal %d%s\n", (long)pid, WTERMSIG(status), WTERMSIG(status) == SIGALRM ? ", hung" : "");
    else
        fprintf(stderr, "child %ld: exit code %d\n", (long)pid, WEXITSTATUS(status));
    return 1;
}

static int fork_children(int children)
{
    int running = 0, failed = 0;
    for (int number = 0; number < children; number++) {
        if (running == AT_ONCE) {
            failed += reap();
            running--;
        }
        pid_t pid = fork();
        if (pid == 0) {
            int code = be_a_child(number);
            if (number % 3 == 0)
                exit(code);
            _exit(code);
        }
        if (pid < 0) {
            perror("fork");
            return failed + 1;
        }
        running++;
    }
    for (; running > 0; running--)
        failed += reap();
    return failed;
}

static void start(const char *brokers)
{
    char error[512] = "";
    const char *settings[][2] = {{"bootstrap.servers", brokers}, {"delivery_interval", "0.05"}, {"overflow_wait", "60"}};
    ap_config_t *config = ap_config_new();
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        ap_config_set(config, settings[i][0], settings[i][1], error, sizeof error);
    if (ap_new(config, &producer, error, sizeof error) != AP_OK) {
        fprintf(stderr, "%s\n", error);
        exit(1);
    }
    ap_config_free(config);
}

int main(int argc, char **argv)
{
    struct sender senders[THREADS];
    if (argc != 4)
        return 2;
    topic = argv[2];
    start(argv[1]);
    for (int i = 0; i < THREADS; i++) {
        senders[i].sent = 0;
        snprintf(senders[i].name, sizeof senders[i].name, "p%d", i);
        pthread_create(&senders[i].thread, NULL, send_on, &senders[i]);
    }
    int failed = fork_children(atoi(argv[3]));
    pthread_mutex_lock(&lock);
    over = 1;
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(senders[i].thread, NULL);
        printf("%s %lu\n", senders[i].name, senders[i].sent);
    }
    ap_status_t status = ap_shutdown(producer, PATIENCE_S * 1000);
    ap_free(producer);
    if (status != AP_OK)
        fprintf(stderr, "shutdown: %s\n", ap_status_name(status));
    return failed == 0 && status == AP_OK ? 0 : 1;
}
