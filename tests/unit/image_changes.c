/* SPDX-License-Identifier: Apache-2.0 */
#include "core/image/work/changes.h"

#include "ck.h"
#include "core/image/work/words.h"

/** All of @lines (one per line) applied to an empty config give this JSON. */
static void ck_changes(const char *lines, const char *wanted)
{
	cleanup_record struct record *config = record_new_object();
	cleanup_strv char **list = strv_split(lines, '\n');
	cleanup_free char *text = NULL;

	strv_foreach (line, list)
		ck_ok(change_apply(config, *line, &err));
	text = record_to_text(config, RECORD_COMPACT);
	ck_assert_str_eq(text, wanted);
}

START_TEST(commands_come_as_arrays_or_for_the_shell)
{
	ck_changes("CMD [\"a\", \"b c\"]", "{\"Cmd\":[\"a\",\"b c\"]}");
	ck_changes("CMD echo \"$HOME\" x",
		   "{\"Cmd\":[\"/bin/sh\",\"-c\",\"echo \\\"$HOME\\\" x\"]}");
	ck_changes("ENTRYPOINT [\"/e\"]\nCMD []", "{\"Entrypoint\":[\"/e\"],\"Cmd\":[]}");
	ck_changes("CMD [ not json", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"[ not json\"]}");
	ck_changes("  cmd true  ", "{\"Cmd\":[\"/bin/sh\",\"-c\",\"true\"]}");
}
END_TEST

START_TEST(environments_are_pairs_with_quotes_and_variables)
{
	ck_changes("ENV A=1 B=\"two words\" C=it\\'s D='$A'",
		   "{\"Env\":[\"A=1\",\"B=two words\",\"C=it's\",\"D=$A\"]}");
	ck_changes("ENV A one two", "{\"Env\":[\"A=one two\"]}");
	ck_changes("ENV A=1\nENV B=$A-${A}-${X:-no}-${A:+yes}-${X:+yes}",
		   "{\"Env\":[\"A=1\",\"B=1-1-no-yes-\"]}");
	ck_changes("ENV A=1\nENV A=2", "{\"Env\":[\"A=2\"]}");
	ck_changes("ENV A=", "{\"Env\":[\"A=\"]}");
}
END_TEST

START_TEST(labels_volumes_ports_and_the_rest)
{
	ck_changes("LABEL a=b \"c d\"=\"e f\"", "{\"Labels\":{\"a\":\"b\",\"c d\":\"e f\"}}");
	ck_changes("EXPOSE 80 53/udp 8000-8002/TCP",
		   "{\"ExposedPorts\":{\"80/tcp\":{},\"53/udp\":{},\"8000/tcp\":{},\"8001/tcp\":{},"
		   "\"8002/tcp\":{}}}");
	ck_changes("VOLUME /a /b\nVOLUME [\"/c d\"]",
		   "{\"Volumes\":{\"/a\":{},\"/b\":{},\"/c d\":{}}}");
	ck_changes("USER 1000:100\nSTOPSIGNAL SIGINT",
		   "{\"User\":\"1000:100\",\"StopSignal\":\"SIGINT\"}");
	ck_changes("WORKDIR /a\nWORKDIR b/../c", "{\"WorkingDir\":\"/a/c\"}");
	ck_changes("WORKDIR x", "{\"WorkingDir\":\"/x\"}");
	ck_changes("ONBUILD RUN make", "{\"OnBuild\":[\"RUN make\"]}");
}
END_TEST

START_TEST(health_checks_have_flags)
{
	ck_changes("HEALTHCHECK NONE", "{\"Healthcheck\":{\"Test\":[\"NONE\"]}}");
	ck_changes(
		"HEALTHCHECK --interval=1m --retries=3 --timeout=2s CMD curl -f x || exit 1",
		"{\"Healthcheck\":{\"Interval\":60000000000,\"Retries\":3,\"Timeout\":2000000000,"
		"\"Test\":[\"CMD-SHELL\",\"curl -f x || exit 1\"]}}");
	ck_changes("HEALTHCHECK CMD [\"a\",\"b\"]",
		   "{\"Healthcheck\":{\"Test\":[\"CMD\",\"a\",\"b\"]}}");
}
END_TEST

START_TEST(mistakes_are_named)
{
	static const struct {
		const char *line, *why;
	} bad[] = {
		{"RUN ls", "RUN is not a valid change command"},
		{"", "is not a valid change command"},
		{"ENV", "ENV requires at least one argument"},
		{"ENV A", "must have two arguments"},
		{"ENV A=1 B", "can't find = in \"B\""},
		{"ENV A=\"open", "double-quote"},
		{"ENV A='open", "single-quote"},
		{"ENV A=${", "no variable"},
		{"ENV A=${B%x}", "modifier"},
		{"EXPOSE x", "containerPort: x"},
		{"EXPOSE 70000", "containerPort"},
		{"EXPOSE 5-4", "containerPort"},
		{"EXPOSE 80/icmp", "containerPort"},
		{"VOLUME [\"\"]", "empty"},
		{"ONBUILD ONBUILD RUN x", "Chaining"},
		{"ONBUILD FROM x", "FROM isn't allowed"},
		{"HEALTHCHECK ls", "Unknown type"},
		{"HEALTHCHECK --foo=1 CMD x", "Unknown flag"},
		{"HEALTHCHECK --interval=x CMD x", "duration"},
		{"HEALTHCHECK --interval=5us CMD x", "duration"},
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_record struct record *config = record_new_object();

		ck_fails(BERTH_E_INVALID, change_apply(config, bad[i].line, &err));
		ck_says(bad[i].why);
	}
}
END_TEST

int main(void)
{
	return CK_MAIN("image/changes", commands_come_as_arrays_or_for_the_shell,
		       environments_are_pairs_with_quotes_and_variables,
		       labels_volumes_ports_and_the_rest, health_checks_have_flags,
		       mistakes_are_named);
}
