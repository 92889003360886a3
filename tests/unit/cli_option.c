/* SPDX-License-Identifier: Apache-2.0 */
#include "ck.h"

#include "programs/berth/option.h"

static const struct option more[] = {
	{"cpus", 0, OPTION_CPUS, "CPUs"},
	{"memory", 'm', OPTION_SIZE, "Memory"},
	{"swap", 0, OPTION_SWAP, "Swap"},
	{0},
};

static const struct option table[] = {
	{"all", 'a', OPTION_BOOL, "All"},
	{"env", 'e', OPTION_LIST, "Environment"},
	{"interactive", 'i', OPTION_BOOL, "Input"},
	{"last", 'n', OPTION_INT, "Last"},
	{"name", 0, OPTION_STRING, "Name"},
	{"net", 0, OPTION_LIST, NULL, .alias = "network", .flags = OPTION_HIDDEN},
	{"network", 0, OPTION_LIST, "Network"},
	{"rm", 0, OPTION_BOOL, "Remove"},
	{"tty", 't', OPTION_BOOL, "Terminal"},
	{"wait", 0, OPTION_DURATION, "Wait"},
	{.type = OPTION_TABLE, .table = more},
	{0},
};

static struct options o;

/* words separated by '|' */
static int parse(const char *words, bool in_order)
{
	static char **argv; /* the results borrow from it */

	strv_free(argv);
	argv = strv_split(words, '|');
	options_done(&o);
	return options_parse(table, argv, in_order, &o, &err);
}

#define ck_refused(words, wanted)                                                                    \
	do {                                                                                       \
		ck_fails(BERTH_E_INVALID, parse((words), true));                                   \
		ck_assert_str_eq(err.text, (wanted));                                                \
	} while (0)

START_TEST(long_flags_take_their_value_either_way)
{
	ck_ok(parse("--name=a", true));
	ck_assert_str_eq(options_str(&o, "name"), "a");
	ck_ok(parse("--name|b", true));
	ck_assert_str_eq(options_str(&o, "name"), "b");
	ck_ok(parse("--name=", true));
	ck_assert_str_eq(options_str(&o, "name"), "");
	ck_ok(parse("--name|--rm", true));
	ck_assert_str_eq(options_str(&o, "name"), "--rm");
	ck_ok(parse("--name=a=b", true));
	ck_assert_str_eq(options_str(&o, "name"), "a=b");
}
END_TEST

START_TEST(letters_may_be_combined)
{
	ck_ok(parse("-it", true));
	ck_assert(options_bool(&o, "interactive") && options_bool(&o, "tty"));
	ck_ok(parse("-itn5", true));
	ck_assert_int_eq(options_int(&o, "last", 0), 5);
	ck_ok(parse("-itn|5", true));
	ck_assert_int_eq(options_int(&o, "last", 0), 5);
	ck_ok(parse("-n=5", true));
	ck_assert_int_eq(options_int(&o, "last", 0), 5);
	ck_ok(parse("-eA=B", true));
	ck_assert_str_eq(options_str(&o, "env"), "A=B");
	ck_ok(parse("-e=A=B", true));
	ck_assert_str_eq(options_str(&o, "env"), "A=B");
}
END_TEST

START_TEST(bools_take_a_value_only_behind_a_sign)
{
	ck_ok(parse("--rm=false", true));
	ck_assert(!options_bool(&o, "rm"));
	ck_assert_ptr_nonnull(options_last(&o, "rm"));
	ck_ok(parse("--rm|false", true));
	ck_assert(options_bool(&o, "rm"));
	ck_assert_str_eq(o.args[0], "false");
	ck_ok(parse("-t=0", true));
	ck_assert(!options_bool(&o, "tty"));
	ck_ok(parse("--rm|--rm=false", true));
	ck_assert(!options_bool(&o, "rm"));
}
END_TEST

START_TEST(in_order_flags_end_at_the_first_argument)
{
	ck_ok(parse("-i|image|ls|-a|--name|x", true));
	ck_assert_uint_eq(o.n_args, 5);
	ck_assert_str_eq(o.args[0], "image");
	ck_assert_str_eq(o.args[2], "-a");
	ck_assert(!options_bool(&o, "all"));
}
END_TEST

START_TEST(otherwise_flags_may_stand_anywhere)
{
	ck_ok(parse("web|-a|db|--name|x|-", false));
	ck_assert_uint_eq(o.n_args, 3);
	ck_assert_str_eq(o.args[1], "db");
	ck_assert_str_eq(o.args[2], "-");
	ck_assert(options_bool(&o, "all"));
	ck_assert_str_eq(options_str(&o, "name"), "x");
}
END_TEST

START_TEST(two_hyphens_end_the_flags)
{
	ck_ok(parse("-a|--|-i|--", false));
	ck_assert_uint_eq(o.n_args, 2);
	ck_assert_str_eq(o.args[0], "-i");
	ck_assert(!options_bool(&o, "interactive"));
}
END_TEST

START_TEST(lists_keep_all_values_in_order)
{
	const char *text;
	size_t at = 0;

	ck_ok(parse("-e|A=1|--env=B=2|-i|-eC=3", true));
	text = options_next(&o, "env", &at);
	ck_assert_str_eq(text, "A=1");
	text = options_next(&o, "env", &at);
	ck_assert_str_eq(text, "B=2");
	text = options_next(&o, "env", &at);
	ck_assert_str_eq(text, "C=3");
	ck_assert_ptr_null(options_next(&o, "env", &at));
	ck_assert_str_eq(options_str(&o, "env"), "C=3");
}
END_TEST

START_TEST(an_alias_is_the_flag_that_it_stands_for)
{
	ck_ok(parse("--net|a|--network|b", true));
	ck_assert_str_eq(options_str(&o, "network"), "b");
	ck_assert_ptr_null(options_str(&o, "net"));
	ck_assert_uint_eq(o.n_given, 2);
}
END_TEST

START_TEST(values_are_of_their_type)
{
	ck_ok(parse("-m|1.5g|--swap|-1|--cpus|.5|--wait|1m30s|-n|-3", true));
	ck_assert_int_eq(options_int(&o, "memory", 0), 1610612736);
	ck_assert_int_eq(options_int(&o, "swap", 0), -1);
	ck_assert_int_eq(options_int(&o, "cpus", 0), 500000000);
	ck_assert_int_eq(options_int(&o, "wait", 0), 90000000000);
	ck_assert_int_eq(options_int(&o, "last", 0), -3);
	ck_ok(parse("--cpus|2", true));
	ck_assert_int_eq(options_int(&o, "cpus", 0), 2000000000);
	ck_ok(parse("--cpus|1.0000000000", true));
	ck_assert_int_eq(options_int(&o, "cpus", 0), 1000000000);
}
END_TEST

START_TEST(wrong_values_are_refused_by_name)
{
	ck_refused("-n|x", "invalid argument \"x\" for \"-n, --last\" flag: it is no whole number");
	ck_refused("--rm=maybe",
		   "invalid argument \"maybe\" for \"--rm\" flag: it is neither true nor false");
	ck_refused("-m|lots", "invalid argument \"lots\" for \"-m, --memory\" flag: it is no size "
			      "like 512m or 2g");
	ck_fails(BERTH_E_INVALID, parse("-m|-1", true));
	ck_fails(BERTH_E_INVALID, parse("--cpus|1.0000000001", true));
	ck_fails(BERTH_E_INVALID, parse("--cpus|-1", true));
	ck_fails(BERTH_E_INVALID, parse("--cpus|", true));
	ck_fails(BERTH_E_INVALID, parse("--cpus|.", true));
	ck_fails(BERTH_E_INVALID, parse("--wait|5", true));
	ck_fails(BERTH_E_INVALID, parse("-n|99999999999999999999", true));
}
END_TEST

START_TEST(unknown_flags_are_refused_in_dockers_words)
{
	ck_refused("--foo", "unknown flag: --foo");
	ck_assert_str_eq(err.hint, "");
	ck_refused("--nam=x", "unknown flag: --nam");
	ck_assert_str_eq(err.hint, "did you mean '--name'?");
	ck_refused("-iz", "unknown shorthand flag: 'z' in -iz");
	ck_refused("--name", "flag needs an argument: --name");
	ck_refused("-e", "flag needs an argument: 'e' in -e");
	ck_refused("-ie", "flag needs an argument: 'e' in -ie");
	ck_refused("--=x", "bad flag syntax: --=x");
	ck_refused("---x", "bad flag syntax: ---x");
}
END_TEST

START_TEST(a_hidden_name_is_no_suggestion)
{
	ck_refused("--ne", "unknown flag: --ne");
	ck_assert_ptr_null(strstr(err.hint, "--net'"));
}
END_TEST

START_TEST(help_ends_all_questions)
{
	ck_ok(parse("--help|--foo", true));
	ck_assert(o.help);
	ck_ok(parse("-h", true));
	ck_assert(o.help);
	ck_ok(parse("image|--help", true));
	ck_assert(!o.help);
}
END_TEST

int main(void)
{
	return CK_MAIN("cli/option", long_flags_take_their_value_either_way,
		       letters_may_be_combined, bools_take_a_value_only_behind_a_sign,
		       in_order_flags_end_at_the_first_argument, otherwise_flags_may_stand_anywhere,
		       two_hyphens_end_the_flags, lists_keep_all_values_in_order,
		       an_alias_is_the_flag_that_it_stands_for, values_are_of_their_type,
		       wrong_values_are_refused_by_name, unknown_flags_are_refused_in_dockers_words,
		       a_hidden_name_is_no_suggestion, help_ends_all_questions);
}
