# Files by the libraries that people use in Perl: perl make_files.pl FOLDER WORDS; those not installed are left out.
use strict;
use warnings;
use Encode qw(encode);
use JSON::PP;

my ($folder, $json) = @ARGV;
my $words = decode_json($json);
my @sections = @{ $words->{sections} };
my @sentences = @{ $words->{sentences} };
my $subject = $sections[3];
my $text = join("\n\n", map { "$sections[$_]\n$sentences[$_]" } 0 .. $#sections) . "\n";

sub has { my ($module) = @_; return eval "require $module; 1" }

sub put {
    my ($name, $content) = @_;
    open(my $file, '>:raw', "$folder/$name") or die "$name: $!";
    print {$file} $content;
    close($file);
}

if (has('Spreadsheet::WriteExcel')) {
    my $book = Spreadsheet::WriteExcel->new("$folder/Spreadsheet-WriteExcel.xls");
    my $sheet = $book->add_worksheet('Rules 2026');
    $sheet->write_row(0, 0, ['section', 'rule']);
    $sheet->write_row($_ + 1, 0, [$sections[$_], $sentences[$_]]) for 0 .. $#sections;
    $book->close;
}
if (has('RTF::Writer')) {
    my $page = RTF::Writer->new_to_file("$folder/RTF-Writer.rtf");
    $page->prolog;
    for (0 .. $#sections) {
        $page->paragraph(\'\fs40\b', $sections[$_]);
        $page->paragraph($sentences[$_]);
    }
    $page->close;
}
if (has('Text::CSV')) {
    open(my $file, '>:encoding(UTF-8)', "$folder/Text-CSV.csv") or die $!;
    my $csv = Text::CSV->new({ binary => 1, eol => "\r\n" });
    $csv->print($file, $_) for ['section', 'rule'], map { [$sections[$_], $sentences[$_]] } 0 .. $#sections;
    close($file);
}
if (has('Email::MIME')) {
    my @headers = (From => '"Jörg" <a@example.com>', To => 'b@example.com', Subject => $subject);
    my %kind = (encoding => 'quoted-printable', charset => 'UTF-8', content_type => 'text/plain');
    my $mail = Email::MIME->create(header_str => \@headers, attributes => \%kind, body_str => $text);
    put('Email-MIME.eml', $mail->as_string);
}
my @headers = (From => 'a@example.com', To => 'b@example.com', Subject => encode('MIME-Header', $subject));
if (has('MIME::Lite')) {
    my $mail = MIME::Lite->new(@headers, Type => 'text/plain; charset=UTF-8', Data => encode('UTF-8', $text));
    put('MIME-Lite.eml', $mail->as_string);
}
if (has('MIME::Entity')) {
    my $mail = MIME::Entity->build(@headers, Type => 'multipart/mixed');
    my %part = (Type => 'text/plain', Charset => 'UTF-8', Encoding => '8bit', Data => encode('UTF-8', $text));
    $mail->attach(%part);
    put('MIME-Entity.eml', $mail->stringify);
}
