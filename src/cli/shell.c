/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interactive shell: the one file that knows readline.
 *
 * Readline runs through its callback interface, so one poll() waits for keys, for SIGINT and for
 * event lines. `watch on` starts `hvctl watch` as a child that writes into a pipe; whatever arrives
 * is printed above the line being typed. From a pipe, lines are run one by one until one fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdio.h>

#include <readline/history.h>
#include <readline/readline.h>

#include "cli/actions.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/interrupt.h"
#include "cli/problem.h"
#include "cli/text.h"
#include "cli/words.h"
#include "common/cleanup.h"

#define PROMPT "hvctl> "

enum { MAX_WORDS = 128, HISTORY_LINES = 1000, WATCH_MAX_WORDS = 24 };

extern char **environ;

struct shell {
	struct cli_options defaults;
	bool color;
	bool interactive;
	bool done;
	enum cli_exit last;
	char *history_path; /* owns; NULL: none is kept */
	pid_t watcher;      /* 0: no watch */
	int watch_fd;       /* -1: no watch */
	/* Completion: candidates of the word under the cursor. */
	char **candidates; /* owns */
	size_t skip;       /* bytes of each that stay as they are */
	size_t candidate_count;
	size_t next_candidate;
};

/* Readline's callbacks have no argument: this is how they find their shell. */
static struct shell *active_shell;

/* ---- watch --------------------------------------------------------------- */

static void stop_watch(struct shell *shell)
{
	if (shell->watcher > 0) {
		kill(shell->watcher, SIGTERM);
		while (waitpid(shell->watcher, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	if (shell->watch_fd >= 0)
		close(shell->watch_fd);
	shell->watcher = 0;
	shell->watch_fd = -1;
}

/* The child's stdout and stderr are the pipe; a process group of its own keeps ^C from it. */
static int spawn_watch(const char **argv, int pipe_fd, pid_t *ret_pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int r = posix_spawn_file_actions_init(&actions);

	if (r != 0)
		return -r;
	r = posix_spawnattr_init(&attributes);
	if (r != 0) {
		posix_spawn_file_actions_destroy(&actions);
		return -r;
	}
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
	r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, pipe_fd, STDOUT_FILENO);
	if (r == 0)
		r = posix_spawn_file_actions_adddup2(&actions, pipe_fd, STDERR_FILENO);
	if (r == 0)
		r = posix_spawn(ret_pid, "/proc/self/exe", &actions, &attributes,
			(char *const *)argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	return -r;
}

/* hvctl [--vm NAME] [--socket PATH] --color WHEN watch [ARGS]; the strings are borrowed. */
static void watch_command(const struct shell *shell, char **args, size_t count, const char **argv)
{
	const char *const fixed[] = {
		"hvctl", "--color", shell->color ? "always" : "never", "watch"};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		argv[n++] = fixed[i];
	if (shell->defaults.vm) {
		argv[n++] = "--vm";
		argv[n++] = shell->defaults.vm;
	}
	if (shell->defaults.socket) {
		argv[n++] = "--socket";
		argv[n++] = shell->defaults.socket;
	}
	for (size_t i = 0; i < count; i++)
		argv[n++] = args[i];
	argv[n] = NULL;
}

static enum cli_exit start_watch(struct shell *shell, char **args, size_t count)
{
	const char *argv[WATCH_MAX_WORDS + 16];
	int ends[2], r;

	if (!shell->interactive || count > WATCH_MAX_WORDS)
		return problem_usage(&shell->defaults, "use watch --count N",
			"\"watch on\" is for the interactive shell");
	stop_watch(shell);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return problem_errno(&shell->defaults, errno, "watch");
	watch_command(shell, args, count, argv);
	r = spawn_watch(argv, ends[1], &shell->watcher);
	close(ends[1]);
	shell->watch_fd = ends[0];
	if (r == 0)
		return CLI_OK;
	shell->watcher = 0;
	stop_watch(shell);
	return problem_errno(&shell->defaults, -r, "watch");
}

/* Prints what the watcher wrote above the line that is being typed. */
static void show_events(struct shell *shell)
{
	char buffer[4096];
	ssize_t size = read(shell->watch_fd, buffer, sizeof(buffer));

	if (size < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	rl_clear_visible_line();
	if (size > 0) {
		fwrite(buffer, 1, (size_t)size, stdout);
		/* A line that was cut by the buffer must not swallow the prompt. */
		if (buffer[size - 1] != '\n')
			fputc('\n', stdout);
	} else {
		stop_watch(shell);
		puts("the watch has ended");
	}
	fflush(stdout);
	rl_on_new_line();
	rl_redisplay();
}

/* ---- running lines ------------------------------------------------------- */

static void put_shell_help(void)
{
	help_put(stdout, NULL, NULL);
	fputs("\nIn the shell also:\n"
	      "  watch on [OPTIONS]          event lines above the prompt, options as of watch\n"
	      "  watch off                   no more event lines\n"
	      "  help, exit\n",
		stdout);
}

static bool is_word(const char *word, const char *expected)
{
	return word && strcmp(word, expected) == 0;
}

/* The shell's own commands. Returns false when `words` are none of them. */
static bool run_builtin(struct shell *shell, char **words, size_t count)
{
	shell->last = CLI_OK;
	if (count == 1 && is_word(words[0], "help"))
		put_shell_help();
	else if (count == 1 && (is_word(words[0], "exit") || is_word(words[0], "quit")))
		shell->done = true;
	else if (is_word(words[0], "watch") && is_word(words[1], "on"))
		shell->last = start_watch(shell, words + 2, count - 2);
	else if (count == 2 && is_word(words[0], "watch") && is_word(words[1], "off"))
		stop_watch(shell);
	else
		return false;
	return true;
}

static void run_line(struct shell *shell, char *line)
{
	static char program[] = "hvctl";
	char *words[MAX_WORDS + 1] = {program};
	size_t count = 0;

	switch (words_split(line, words + 1, MAX_WORDS, &count)) {
	case WORDS_E_OPEN_QUOTE:
		shell->last = problem_usage(&shell->defaults, NULL, "a quote is not closed");
		return;
	case WORDS_E_TOO_MANY:
		shell->last = problem_usage(&shell->defaults, NULL, "the line has too many words");
		return;
	}
	if (count == 0 || run_builtin(shell, words + 1, count))
		return;
	shell->last = cli_main((int)count + 1, words, &shell->defaults);
	interrupt_clear();
}

static enum cli_exit run_pipe(struct shell *shell)
{
	CLEANUP(free) char *line = NULL;
	size_t capacity = 0;

	while (!shell->done && shell->last == CLI_OK && getline(&line, &capacity, stdin) >= 0)
		run_line(shell, line);
	return shell->last == CLI_OK && interrupt_pending() ? CLI_INTERRUPTED : shell->last;
}

/* ---- completion ---------------------------------------------------------- */

static void add_candidate(void *arg, const char *candidate, const char *about UNUSED)
{
	struct shell *shell = arg;
	char **grown = realloc(
		shell->candidates, (shell->candidate_count + 1) * sizeof(*shell->candidates));

	if (!grown)
		return;
	shell->candidates = grown;
	grown[shell->candidate_count] = strdup(candidate);
	if (grown[shell->candidate_count])
		shell->candidate_count++;
}

static void clear_candidates(struct shell *shell)
{
	for (size_t i = 0; i < shell->candidate_count; i++)
		free(shell->candidates[i]);
	free(shell->candidates);
	shell->candidates = NULL;
	shell->candidate_count = shell->next_candidate = 0;
}

static void add_builtins(struct shell *shell, char **words, size_t count)
{
	static const char *const own[] = {"exit", "quit"};
	static const char *const states[] = {"on", "off"};
	bool after_watch = count == 2 && is_word(words[0], "watch");
	const char *const *builtins = after_watch ? states : own;
	const char *word = words[count - 1];

	for (size_t i = 0; i < 2 && (count == 1 || after_watch); i++)
		if (strncmp(builtins[i], word, strlen(word)) == 0)
			add_candidate(shell, builtins[i], "");
}

/*
 * Readline's own file names, behind what the word keeps: "@/tmp/message". It knows a folder, and
 * what to quote, only where that is nothing.
 */
static void add_files(struct shell *shell, const char *word, size_t kept)
{
	char *name;

	for (int state = 0; (name = rl_filename_completion_function(word + kept, state));
		state = 1) {
		struct stat status;
		bool folder = kept > 0 && stat(name, &status) == 0 && S_ISDIR(status.st_mode);
		CLEANUP(free)
		char *whole = text_format("%.*s%s%s", (int)kept, word, name, folder ? "/" : "");

		if (whole)
			add_candidate(shell, whole, "");
		free(name);
	}
	rl_filename_completion_desired = kept == 0;
}

/* Fills the candidates for the line up to the cursor. */
static void find_candidates(struct shell *shell, const char *text, int end)
{
	CLEANUP(free) char *line = strndup(rl_line_buffer, (size_t)end);
	struct complete_files files = {0};
	char *words[MAX_WORDS + 1];
	size_t count = 0;

	clear_candidates(shell);
	if (!line || words_split_unfinished(line, words, ARRAY_LEN(words), &count) != 0)
		return;
	shell->skip = complete_skip(words[count - 1], text);
	complete_words(
		&shell->defaults, (const char *const *)words, count, add_candidate, shell, &files);
	add_builtins(shell, words, count);
	if (files.wanted)
		add_files(shell, words[count - 1], files.kept);
}

static char *next_candidate(const char *text UNUSED, int state)
{
	struct shell *shell = active_shell;

	if (state == 0)
		shell->next_candidate = 0;
	if (shell->next_candidate == shell->candidate_count)
		return NULL;
	return strdup(shell->candidates[shell->next_candidate++] + shell->skip);
}

/* Whether more can be typed right behind the only candidate: "vps/", "hvsock,id=". */
static bool goes_on(const struct shell *shell)
{
	const char *only = shell->candidate_count == 1 ? shell->candidates[0] : "";
	size_t length = strlen(only);

	return length > 0 && strchr("=/@", only[length - 1]);
}

static char **complete_line(const char *text, int start UNUSED, int end)
{
	find_candidates(active_shell, text, end);
	/* Without this readline would offer file names where nothing else fits. */
	rl_attempted_completion_over = 1;
	rl_completion_suppress_append = goes_on(active_shell);
	return rl_completion_matches(text, next_candidate);
}

/* ---- the line editor ----------------------------------------------------- */

static void on_line(char *line)
{
	struct shell *shell = active_shell;

	/* Commands find the terminal as it was before readline set it up. */
	rl_callback_handler_remove();
	if (!line) {
		putchar('\n');
		shell->done = true;
		return;
	}
	if (*line)
		add_history(line);
	run_line(shell, line);
	free(line);
	if (!shell->done)
		rl_callback_handler_install(PROMPT, on_line);
}

/* ^C throws the line away, as in other shells. */
static void drop_line(void)
{
	interrupt_clear();
	rl_free_line_state();
	rl_callback_sigcleanup();
	rl_replace_line("", 0);
	rl_crlf();
	rl_on_new_line();
	rl_redisplay();
}

static void edit_lines(struct shell *shell)
{
	while (!shell->done) {
		struct pollfd descriptors[] = {
			{.fd = STDIN_FILENO, .events = POLLIN},
			{.fd = interrupt_fd(), .events = POLLIN},
			{.fd = shell->watch_fd, .events = POLLIN},
		};

		if (poll(descriptors, ARRAY_LEN(descriptors), -1) < 0 && errno != EINTR)
			return;
		if (interrupt_pending())
			drop_line();
		else if (descriptors[2].revents)
			show_events(shell);
		else if (descriptors[0].revents)
			rl_callback_read_char();
	}
}

static char *history_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (state && *state)
		return text_format("%s/hvctl_history", state);
	return home && *home ? text_format("%s/.hvctl_history", home) : NULL;
}

static enum cli_exit run_interactive(struct shell *shell)
{
	active_shell = shell;
	shell->history_path = history_path();
	rl_readline_name = "hvctl";
	rl_catch_signals = 0;
	rl_attempted_completion_function = complete_line;
	rl_basic_word_break_characters = " \t\n";
	rl_completer_quote_characters = "'\"";
	rl_filename_quote_characters = " \t'\"\\#";
	/* hvctl's words know no ~. */
	rl_variable_bind("expand-tilde", "on");
	using_history();
	stifle_history(HISTORY_LINES);
	if (shell->history_path)
		read_history(shell->history_path);
	puts("hvctl shell: help lists commands, Tab completes, ^D leaves");
	rl_callback_handler_install(PROMPT, on_line);
	edit_lines(shell);
	rl_callback_handler_remove();
	if (shell->history_path)
		write_history(shell->history_path);
	stop_watch(shell);
	clear_candidates(shell);
	free(shell->history_path);
	active_shell = NULL;
	return CLI_OK;
}

enum cli_exit run_shell(struct cli *cli, const struct invocation *invocation UNUSED)
{
	struct shell shell = {
		.defaults = cli->options,
		.color = cli->color,
		.interactive = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO),
		.watch_fd = -1,
	};

	if (cli->options.in_shell)
		return problem_usage(&cli->options, NULL, "this is the shell");
	shell.defaults.in_shell = true;
	return shell.interactive ? run_interactive(&shell) : run_pipe(&shell);
}
